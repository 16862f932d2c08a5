// The check of the checkers: every planted bug must be found within its budget of seeds. One that survives is a
// failure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/mutation.h"

namespace gemel::sim {

struct MutantResult {
  const Mutation* mutation = nullptr;
  std::uint64_t budget = 0;    // seeds it may take
  std::uint64_t found_at = 0;  // the first seed that showed it; 0: it survived
  std::string checker;         // that complained: "I1", "L1", ...
  double seconds = 0;          // of real time
};

/// Plays each mutant of mutants() on seeds 1, 2, ... until it is found or its budget is spent; `most` not 0: that many
/// instead of its budget. Prints a line per mutant as it ends. Blocks.
std::vector<MutantResult> check_mutants(std::uint64_t most, unsigned threads);

}  // namespace gemel::sim
