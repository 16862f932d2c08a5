#include "cli/plan_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>
#include <vector>

#include "base/text.h"
#include "cli/table.h"
#include "wizard/text_wrap.h"

namespace gemel::cli {
namespace {

namespace json = boost::json;

json::array array_of(const std::vector<std::string>& list) { return json::array(list.begin(), list.end()); }

/// In a narrow table a long list is its first entry and how many more there are.
std::string changes_text(const std::vector<std::string>& changes, bool is_wide) {
  if (is_wide || changes.size() <= 2) return join(changes, ", ");
  return fmt::format("{} and {} more", changes.front(), changes.size() - 1);
}

json::array problems_array(const site::Plan& plan) {
  json::array problems;
  for (const auto& problem : plan.problems) {
    problems.push_back({{"code", to_string(problem.code)},
                        {"host", problem.host},
                        {"text", sentence_of(problem)},
                        {"what", problem.what},
                        {"why", problem.why},
                        {"mend", problem.mend},
                        {"is_blocking", problem.is_blocking}});
  }
  return problems;
}

}  // namespace

bool is_blocked(const site::Plan& plan) { return std::ranges::any_of(plan.problems, &site::Problem::is_blocking); }

std::string problems_text(const site::Plan& plan) {
  std::string text;
  for (const bool blocking : {true, false}) {
    // What is the same on several hosts is said once.
    std::vector<std::pair<std::string, std::vector<std::string>>> sentences;
    for (const auto& problem : plan.problems) {
      if (problem.is_blocking != blocking) continue;
      auto said = sentence_of(problem);
      const auto same = std::ranges::find(sentences, said, [](const auto& entry) { return entry.first; });
      if (same == sentences.end()) {
        sentences.push_back({std::move(said), {problem.host}});
      } else {
        same->second.push_back(problem.host);
      }
    }
    for (const auto& [sentence, hosts] : sentences)
      text += fmt::format("{}{}: {}\n", blocking ? "" : "warning: ", join(hosts, ", "), printable(sentence));
  }
  return text;
}

std::string plan_table(const std::string& site_name, const site::Plan& plan, bool is_wide, bool use_colour) {
  if (plan.steps.empty() && !is_blocked(plan)) {
    return problems_text(plan) + fmt::format("Site {}: nothing to do.\n", site_name);
  }
  Table table;
  table.title = fmt::format("Plan of site {}: {} steps", site_name, plan.steps.size());
  table.header = {"#", "Step", "Changes", "Restarts"};
  if (is_wide) table.header.push_back("Needs");
  std::size_t number = 0;
  for (const auto& step : plan.steps) {
    table.rows.push_back({{std::to_string(++number), Colour::faint, true},
                          {step.id},
                          {printable(changes_text(step.changes, is_wide))},
                          {join(step.restarts, ", "), Colour::warning}});
    if (is_wide) table.rows.back().push_back({join(step.needs, ", "), Colour::faint});
  }
  return (plan.steps.empty() ? std::string() : render_table(table, use_colour)) + problems_text(plan);
}

std::string findings_text(const std::string& site_name, const site::Plan& plan, bool use_colour) {
  std::string text;
  for (const bool blocking : {true, false}) {
    for (const auto& problem : plan.problems) {
      if (problem.is_blocking != blocking) continue;
      const auto colour = blocking ? Colour::bad : Colour::warning;
      text += fmt::format("{} {}: {}\n", coloured(blocking ? "IN THE WAY" : "warning", colour, use_colour),
                          problem.host, printable(problem.what));
      if (!problem.why.empty()) text += fmt::format("    {}\n", printable(problem.why));
      if (!problem.mend.empty()) text += fmt::format("    To mend it: {}\n", printable(problem.mend));
    }
  }
  const auto blocking = std::ranges::count_if(plan.problems, &site::Problem::is_blocking);
  if (blocking == 0) return text + fmt::format("Site {}: nothing stands in the way.\n", site_name);
  return text + fmt::format("Site {}: {} in the way; no host was changed.\n", site_name,
                            blocking == 1 ? "one finding stands" : fmt::format("{} findings stand", blocking));
}

std::string findings_json(const std::string& site_name, const site::Plan& plan) {
  return json::serialize(json::object{{"api_version", "v1"},
                                      {"site", site_name},
                                      {"is_blocked", is_blocked(plan)},
                                      {"findings", problems_array(plan)}});
}

std::string plan_list(const std::string& site_name, const site::Plan& plan, std::size_t width) {
  const auto problems = problems_text(plan);
  auto text = wizard::wrapped(problems, width) + (problems.empty() ? "" : "\n");
  if (plan.steps.empty() && !is_blocked(plan)) return text + fmt::format("Site {}: nothing to do.\n", site_name);
  if (plan.steps.empty()) return text;
  text += fmt::format("Plan of site {}: {} steps\n\n", site_name, plan.steps.size());
  std::size_t name_width = 0;
  for (const auto& step : plan.steps) name_width = std::max(name_width, step.id.size());
  std::size_t number = 0;
  for (const auto& step : plan.steps) {
    const auto head = fmt::format("{:>3} {:<{}}  ", ++number, step.id, name_width);
    const auto changes = wizard::wrapped(printable(changes_text(step.changes, false)), width - head.size());
    auto lines = split(changes, '\n');
    text += head + lines.front() + "\n";
    for (std::size_t i = 1; i < lines.size(); ++i) text += std::string(head.size(), ' ') + lines[i] + "\n";
  }
  return text;
}

std::string plan_json(const std::string& site_name, const site::Plan& plan) {
  json::array steps;
  for (const auto& step : plan.steps) {
    steps.push_back({{"id", step.id},
                     {"host", step.host},
                     {"kind", to_string(step.kind)},
                     {"changes", array_of(step.changes)},
                     {"restarts", array_of(step.restarts)},
                     {"needs", array_of(step.needs)},
                     {"undo", step.undo.empty() ? json::value(nullptr) : json::value(step.undo)}});
  }
  return json::serialize(
      json::object{{"api_version", "v1"}, {"site", site_name}, {"steps", steps}, {"problems", problems_array(plan)}});
}

}  // namespace gemel::cli
