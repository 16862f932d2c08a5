// How long each part of a failover took on this host, read off what the controller was told, decided and knows then.
// It watches; it decides nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/host_status.h"
#include "core/event.h"
#include "core/state.h"

namespace gemel::agent {

/// This host's part of one failover. Phases follow each other: each lasts from the end of the one before it, so their
/// sum is the whole.
///
/// take_over: detect (last sign of the old primary, or word of its resignation → bid sent), bid (→ the record is won),
///   prepare (→ promotion begins), promote, cut (→ S is the holder alone), open (→ the gate is open), address (→ the
///   virtual addresses are here), names (→ commits wait for nobody who is gone). The last three may end in any order; a
///   client can write when all have ended.
/// hand_over: checkpoint (still serving; only of a switchover), stop (→ PostgreSQL has ended), resign (→ the record
///   says so, and a successor may bid).
struct FailoverReport {
  struct Phase {
    std::string_view name;
    Duration length{};
  };
  std::string_view part;  // take_over, hand_over
  Epoch epoch;            // the one won, or given away
  std::vector<Phase> phases;

  [[nodiscard]] Duration total() const;
  /// "take_over took 231 ms: detect 12, bid 9, ...".
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::vector<api::PhaseTime> times() const;
};

/// Loop thread only. To be told of every step of the controller, in order.
class FailoverPhases {
 public:
  void step(const core::Input& input, const core::Output& output, const core::State& after);
  /// All virtual addresses are on this host.
  void address_is_here(TimePoint now);
  /// The report that became complete since the last call, once.
  std::optional<FailoverReport> take_report();
  /// The last complete one of each part, for the metrics.
  [[nodiscard]] const std::vector<FailoverReport>& last() const { return last_; }

 private:
  /// One part under way: when it began, and when each phase ended.
  struct Course {
    TimePoint begun;
    Epoch epoch;
    std::vector<std::pair<std::string_view, TimePoint>> ends;
    [[nodiscard]] bool has(std::string_view name) const;
    void end(std::string_view name, TimePoint when);
  };

  void follow_taking(const core::Output& output, const core::State& after);
  void follow_giving(const core::Output& output, const core::State& after);
  [[nodiscard]] TimePoint begin_of_taking(const core::State& after) const;
  void finish(std::string_view part, std::optional<Course>& course);
  void finish_taking();

  std::optional<Course> taking_;
  std::optional<Course> giving_;
  std::optional<TimePoint> hint_at_;  // somebody spoke first of the newest record
  std::optional<TimePoint> exit_at_;  // our postmaster ended by itself
  Revision hinted_;
  bool was_serving_ = false;
  std::optional<FailoverReport> report_;
  std::vector<FailoverReport> last_;
};

}  // namespace gemel::agent
