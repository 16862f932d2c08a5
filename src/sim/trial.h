// A trial: one seed played in a world of its own. First a safety phase with faults, then a liveness phase in which
// everything is healed and the site must become whole within a budget.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/mutation.h"

namespace gemel::sim {

struct Verdict {
  std::string complaint;           // "I1: ..." (the checker first), or empty: nothing was wrong
  std::uint64_t hash = 0;          // of every step: equal for equal seeds and options
  std::vector<std::string> story;  // only when asked for
};

struct TrialOptions {
  const Mutation* mutation = nullptr;
  bool wants_story = false;
};

/// Plays one seed. Deterministic; no state outside; any thread.
Verdict run_trial(std::uint64_t seed, const TrialOptions& options);

}  // namespace gemel::sim
