// A trial: one seed played in a world of its own. First a safety phase with faults, then a liveness phase in which
// everything is healed and the site must become whole within a budget.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/conditions.h"
#include "sim/fault.h"
#include "sim/marks.h"
#include "sim/mutation.h"

namespace gemel::sim {

struct Verdict {
  std::string complaint;    // "I1: ..." (the checker first), or empty: nothing was wrong
  std::uint64_t hash = 0;   // of every step: equal for equal seeds and options
  std::uint64_t steps = 0;  // of all controllers
  Duration virtual_time{0};
  MarkCounts marks;
  std::vector<std::string> story;  // only when asked for
};

/// 1: faults at random; 2: hardened as well; 3: with people in them, and standbys that are refused.
inline constexpr unsigned newest_worlds = 3;

struct TrialOptions {
  const Mutation* mutation = nullptr;  // must outlive the trial
  bool wants_story = false;
  std::size_t hosts = 0;  // 0: two or three, by the seed
  // Which worlds a seed stands for: 3, or the milder ones of before (kept seeds name theirs).
  unsigned worlds = newest_worlds;
  bool has_store_restore = false;  // etcd may be restored from an old copy (see docs/simulator.md)
};

/// What a seed stands for.
struct Plan {
  Conditions conditions;
  std::vector<Fault> faults;
};
Plan plan_of(std::uint64_t seed, const TrialOptions& options);
std::string describe(const Plan& plan);

/// Deterministic; no state outside; any thread.
Verdict run_plan(const Plan& plan, const TrialOptions& options);
Verdict run_trial(std::uint64_t seed, const TrialOptions& options);

/// Leaves out every fault without which the plan still fails in the same way. Pre: run_plan(plan) fails.
Plan shrink(Plan plan, const TrialOptions& options);

}  // namespace gemel::sim
