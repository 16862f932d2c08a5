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
constexpr std::size_t unwritten_limit = file_limit / 2;

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

/// Length of the well-formed UTF-8 sequence that `text` begins with; 0 when it begins with none (RFC 3629, section 4).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t index) {
    return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  for (std::size_t index = 1; index < length; ++index) {
    if ((byte(index) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  const bool is_overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool is_outside = (first == 0xED && second >= 0xA0) || (first == 0xF4 && second >= 0x90);
  return is_overlong || is_outside ? 0 : length;
}

/// Messages quote the operating system and PostgreSQL, in whatever encoding those speak; JSON is UTF-8 or unreadable.
std::string readable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto length = sequence_length(text);
    if (length == 0) {
      result += '?';
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

}  // namespace

EventLog::EventLog(std::filesystem::path file, std::string host) : file_(std::move(file)), host_(std::move(host)) {}

void EventLog::load() {
  for (const auto& path : {std::filesystem::path(file_.string() + ".1"), file_}) {
    const auto text = runtime::read_file(path);
    if (!text) continue;  // the first start
    // A line cut by a power loss must not swallow the next one that is written.
    if (path == file_ && !text->empty() && text->back() != '\n') unwritten_ = "\n";
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

void EventLog::add(runtime::LogLevel level, const std::string& rule, const std::string& message, Epoch epoch,
                   std::vector<api::PhaseTime> phases) {
  runtime::log(level, fmt::format("{} rule={} epoch={}", message, rule, epoch.value));
  if (level == runtime::LogLevel::debug) return;
  api::Event event{next_id_++, runtime::wall_now(), host_,       std::string(name_of(level)),
                   rule,       readable(message),   epoch.value, std::move(phases)};
  const std::string array = api::to_json(std::vector{event});
  // A stalled disk costs the file, not the agent's memory.
  if (unwritten_.size() + array.size() > unwritten_limit) unwritten_ = "\n";
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
    co_await runtime::sleep_to_beat(std::chrono::seconds(1));
    if (unwritten_.empty()) continue;
    co_await runtime::run_blocking(
        [file = file_, text = std::exchange(unwritten_, {})] { append_bounded(file, text, file_limit); });
  }
}

void EventLog::flush() { append_bounded(file_, std::exchange(unwritten_, {}), file_limit); }

}  // namespace gemel::agent
