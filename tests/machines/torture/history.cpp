#include "torture/history.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <sstream>

namespace gemel::torture {

namespace {

namespace json = boost::json;

Result<json::object> parse_object(std::string_view line) {
  boost::system::error_code error;
  auto value = json::parse(line, error);
  if (error || !value.is_object()) return fail(ErrorCode::invalid, "not a JSON object");
  return value.as_object();
}

Outcome outcome_of(std::string_view name) {
  if (name == "ok") return Outcome::acknowledged;
  if (name == "failed") return Outcome::refused;
  if (name == "unknown") return Outcome::unknown;
  throw std::invalid_argument("outcome");
}

/// Calls `take` with every line; the error names the file and the line.
template <typename Take>
Status each_line(const std::filesystem::path& path, Take take) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::not_found, "cannot read " + path.string());
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (auto taken = take(line); !taken)
      return std::unexpected(taken.error().with(fmt::format("{}:{}", path.string(), number)));
  }
  return {};
}

Status read_summary(const std::filesystem::path& path, History& history) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  const auto object = parse_object(text.str());
  if (!object) return fail(ErrorCode::invalid, "no run.json in " + path.parent_path().string());
  try {
    history.run = object->at("run").as_string();
    history.workloads = object->at("options").as_object().at("workloads").as_string();
    history.from = object->at("from_us").to_number<Time>();
    if (!object->contains("to_us")) return fail(ErrorCode::invalid, "the run did not end in order");
    history.to = object->at("to_us").to_number<Time>();
  } catch (const std::exception& problem) {
    return fail(ErrorCode::invalid, path.string() + ": " + problem.what());
  }
  return {};
}

}  // namespace

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::acknowledged:
      return "ok";
    case Outcome::refused:
      return "failed";
    case Outcome::unknown:
      return "unknown";
  }
  return "?";
}

std::string json_text(std::string_view text) { return json::serialize(json::string(text)); }

std::string to_line(const Event& event) {
  std::vector<std::string> out;
  for (const auto& text : event.out) out.push_back(json_text(text));
  const auto error = event.error.empty() ? std::string() : R"(,"error":)" + json_text(event.error);
  return fmt::format(
      R"({{"w":"{}","client":{},"op":"{}","in":[{}],"out":[{}],"from_us":{},"to_us":{},"outcome":"{}"{}}})",
      event.workload, event.client, event.op, fmt::join(event.in, ","), fmt::join(out, ","), event.from, event.to,
      name_of(event.outcome), error);
}

std::string to_line(const Mark& mark) {
  return fmt::format(R"({{"mark":{},"at_us":{}}})", json_text(mark.name), mark.at);
}

Result<Event> parse_event(std::string_view line) {
  const auto object = parse_object(line);
  if (!object) return std::unexpected(object.error());
  try {
    Event event;
    event.workload = object->at("w").as_string().at(0);
    event.client = object->at("client").to_number<int>();
    event.op = object->at("op").as_string();
    for (const auto& item : object->at("in").as_array()) event.in.push_back(item.to_number<std::int64_t>());
    for (const auto& item : object->at("out").as_array()) event.out.emplace_back(item.as_string());
    event.from = object->at("from_us").to_number<Time>();
    event.to = object->at("to_us").to_number<Time>();
    event.outcome = outcome_of(object->at("outcome").as_string());
    if (const auto* error = object->if_contains("error")) event.error = error->as_string();
    return event;
  } catch (const std::exception& problem) {
    return fail(ErrorCode::invalid, problem.what());
  }
}

Result<Mark> parse_mark(std::string_view line) {
  const auto object = parse_object(line);
  if (!object) return std::unexpected(object.error());
  try {
    return Mark{std::string(object->at("mark").as_string()), object->at("at_us").to_number<Time>()};
  } catch (const std::exception& problem) {
    return fail(ErrorCode::invalid, problem.what());
  }
}

Result<History> read_history(const std::filesystem::path& folder) {
  History history;
  if (auto read = read_summary(folder / "run.json", history); !read) return std::unexpected(read.error());
  const auto take_event = [&](const std::string& line) -> Status {
    auto event = parse_event(line);
    if (!event) return std::unexpected(event.error());
    history.events.push_back(std::move(*event));
    return {};
  };
  const auto take_mark = [&](const std::string& line) -> Status {
    auto mark = parse_mark(line);
    if (!mark) return std::unexpected(mark.error());
    history.marks.push_back(std::move(*mark));
    return {};
  };
  for (const auto* name : {"history.jsonl", "probes.jsonl"}) {
    if (auto read = each_line(folder / name, take_event); !read) return std::unexpected(read.error());
  }
  if (auto read = each_line(folder / "marks.jsonl", take_mark); !read) return std::unexpected(read.error());
  std::ranges::sort(history.events, {}, &Event::to);
  std::ranges::sort(history.marks, {}, &Mark::at);
  return history;
}

}  // namespace gemel::torture
