#include "agent/event_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "agent/append_file.h"
#include "base/text.h"
#include "runtime/files.h"

namespace gemel::agent {
namespace {

constexpr std::size_t events_kept = 1000;
constexpr std::size_t file_limit = 1U << 20;  // bytes; then it becomes FILE.1

std::string_view name_of(runtime::LogLevel level) {
  switch (level) {
    case runtime::LogLevel::error:
      return "error";
    case runtime::LogLevel::warn:
      return "warn";
    case runtime::LogLevel::info:
      return "info";
    case runtime::LogLevel::debug:
      return "debug";
  }
  return "info";
}

}  // namespace

EventLog::EventLog(std::filesystem::path file, std::string host) : file_(std::move(file)), host_(std::move(host)) {}

void EventLog::load() {
  for (const auto& path : {std::filesystem::path(file_.string() + ".1"), file_}) {
    const auto text = runtime::read_file(path);
    if (!text) continue;  // the first start
    for (const auto& line : split(*text, '\n')) {
      if (line.empty()) continue;
      const auto parsed = api::parse_events("[" + line + "]");
      if (!parsed) continue;  // a line cut by a power loss
      for (const auto& event : *parsed) {
        next_id_ = std::max(next_id_, event.id + 1);
        events_.push_back(event);
      }
    }
  }
  while (events_.size() > events_kept) events_.pop_front();
}

void EventLog::add(runtime::LogLevel level, const std::string& rule, const std::string& message, Epoch epoch) {
  runtime::log(level, fmt::format("{} rule={} epoch={}", message, rule, epoch.value));
  if (level == runtime::LogLevel::debug) return;
  api::Event event{next_id_++, runtime::wall_now(), host_, std::string(name_of(level)), rule, message, epoch.value};
  const std::string array = api::to_json(std::vector{event});
  unwritten_ += array.substr(1, array.size() - 2) + "\n";
  events_.push_back(std::move(event));
  if (events_.size() > events_kept) events_.pop_front();
}

std::vector<api::Event> EventLog::after(std::uint64_t id) const {
  std::vector<api::Event> result;
  std::ranges::copy_if(events_, std::back_inserter(result), [&](const auto& event) { return event.id > id; });
  return result;
}

runtime::Task<void> EventLog::keep_writing() {
  while (true) {
    co_await runtime::sleep_for(std::chrono::seconds(1));
    if (unwritten_.empty()) continue;
    co_await runtime::run_blocking(
        [file = file_, text = std::exchange(unwritten_, {})] { append_bounded(file, text, file_limit); });
  }
}

void EventLog::flush() { append_bounded(file_, std::exchange(unwritten_, {}), file_limit); }

}  // namespace gemel::agent
