#include "torture/verdict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "torture/history.h"

namespace gemel::torture {

namespace {

std::string json_list(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  for (const auto& text : texts) items.push_back(json_text(text));
  return fmt::format("[{}]", fmt::join(items, ","));
}

std::string to_json(const Verdict& verdict) {
  std::vector<std::string> counts;
  for (const auto& [name, count] : verdict.counts) counts.push_back(fmt::format("{}:{}", json_text(name), count));
  return fmt::format(R"({{"checker":"{}","state":"{}","counts":{{{}}},"findings":{}}})", verdict.checker,
                     name_of(verdict.state), fmt::join(counts, ","), json_list(verdict.findings));
}

}  // namespace

void Verdict::violate(std::string finding) {
  state = State::violated;
  ++counts["violations"];
  if (findings.size() < most_findings) findings.push_back(std::move(finding));
}

void Verdict::leave_undecided(std::string finding) {
  if (state == State::ok) state = State::undecided;
  if (findings.size() < most_findings) findings.push_back(std::move(finding));
}

std::string_view name_of(State state) {
  switch (state) {
    case State::ok:
      return "ok";
    case State::violated:
      return "violated";
    case State::undecided:
      return "undecided";
  }
  return "?";
}

State Report::state() const {
  const auto any = [this](State wanted) {
    return std::ranges::find(verdicts, wanted, &Verdict::state) != verdicts.end();
  };
  return any(State::violated) ? State::violated : any(State::undecided) ? State::undecided : State::ok;
}

int Report::exit_code() const {
  switch (state()) {
    case State::ok:
      return 0;
    case State::violated:
      return 1;
    case State::undecided:
      return 5;
  }
  return 5;
}

std::string Report::to_json() const {
  std::vector<std::string> parts;
  for (const auto& verdict : verdicts) parts.push_back(torture::to_json(verdict));
  return fmt::format(R"({{"is_clean":{},"state":"{}","run":{},"nodes":{},"verdicts":[{}],"intervals":{}}})",
                     state() == State::ok, name_of(state()), json_text(run), json_list(nodes), fmt::join(parts, ","),
                     intervals);
}

std::string Report::to_table() const {
  std::string text;
  for (const auto& verdict : verdicts) {
    std::vector<std::string> counts;
    for (const auto& [name, count] : verdict.counts) counts.push_back(fmt::format("{} {}", count, name));
    text += fmt::format("{:<3}{:<10} {}\n", verdict.checker, name_of(verdict.state), fmt::join(counts, ", "));
    for (const auto& finding : verdict.findings) text += fmt::format("      {}\n", finding);
  }
  return text;
}

}  // namespace gemel::torture
