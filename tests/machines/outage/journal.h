// What became of every insert of one run, and what the table must hold afterwards. Pure: no clock, no connection.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/session.h"

namespace gemel::outage {

using Time = std::chrono::nanoseconds;  // since the start of the run

using client::Outcome;

struct Gap {
  Time from{};  // acknowledgement before
  Time to{};    // acknowledgement after, or the end of the run
  [[nodiscard]] Time length() const { return to - from; }
};

/// How often each counter is in the table.
using Present = std::map<std::int64_t, std::int64_t>;

struct Verdict {
  std::vector<std::int64_t> lost;        // acknowledged, but not there
  std::vector<std::int64_t> duplicated;  // there more than once
  std::vector<std::int64_t> phantom;     // refused or never sent, but there
  std::int64_t unknown_present = 0;
  [[nodiscard]] bool is_clean() const { return lost.empty() && duplicated.empty() && phantom.empty(); }
};

/// One run. Counters are 1, 2, 3, ... in the order of `record`.
class Journal {
 public:
  /// The outcome of the next counter at `time`; times never decrease.
  void record(Outcome outcome, Time time);
  void count_attempt(bool has_connected);
  /// Ends the run: the time since the last acknowledgement is a gap too, so a service that never came back shows.
  void finish(Time time);

  [[nodiscard]] std::int64_t count(Outcome outcome) const { return counts_[static_cast<std::size_t>(outcome)]; }
  [[nodiscard]] std::int64_t next_counter() const { return static_cast<std::int64_t>(outcomes_.size()) + 1; }
  [[nodiscard]] Gap longest_gap() const { return longest_; }
  [[nodiscard]] Verdict verify(const Present& present) const;
  /// "1-20,22,25-90": the acknowledged counters.
  [[nodiscard]] std::string acknowledged_ranges() const;
  /// The whole result as one JSON object, keys ending in their unit.
  [[nodiscard]] std::string to_json(const std::string& client, const Verdict* verdict) const;

 private:
  void add_gap(Time until);

  std::vector<Outcome> outcomes_;
  std::array<std::int64_t, 3> counts_{};
  std::vector<Gap> notable_;  // gaps above 50 ms, the first hundred
  Gap longest_{};
  Time last_acknowledged_{-1};
  std::int64_t attempts_ = 0;
  std::int64_t connections_ = 0;
};

}  // namespace gemel::outage
