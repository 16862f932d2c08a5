// The history of a run: every operation with its time and outcome, the marks, and their form as JSON lines.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "client/session.h"

namespace gemel::torture {

using client::Outcome;

/// Microseconds of CLOCK_MONOTONIC.
using Time = std::int64_t;
inline Time now() {
  using std::chrono::steady_clock;
  return std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now().time_since_epoch()).count();
}

/// One operation of one client. What `in` and `out` mean per operation is in README.md.
struct Event {
  char workload = '?';
  int client = 0;
  std::string op = {};
  std::vector<std::int64_t> in = {};
  std::vector<std::string> out = {};
  Time from = 0;  // before it was sent
  Time to = 0;    // after its answer, or when the client gave up
  Outcome outcome = Outcome::unknown;
  std::string error = {};
  bool operator==(const Event&) const = default;
};

struct Mark {
  std::string name;
  Time at = 0;
  bool operator==(const Mark&) const = default;
};

struct History {
  std::string run;
  std::string workloads;  // letters
  Time from = 0, to = 0;
  std::vector<Event> events;  // of all workloads, in the order they ended
  std::vector<Mark> marks;
};

/// "ok", "failed", "unknown".
std::string_view name_of(Outcome outcome);
std::string json_text(std::string_view text);  // as a JSON string

std::string to_line(const Event& event);
std::string to_line(const Mark& mark);
/// `invalid` with what is wrong.
Result<Event> parse_event(std::string_view line);
Result<Mark> parse_mark(std::string_view line);

/// The whole folder; `invalid` when a file is damaged or the run did not end in order. Blocks.
Result<History> read_history(const std::filesystem::path& folder);

}  // namespace gemel::torture
