// Many seeds on several threads, and what came of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/trial.h"

namespace gemel::sim {

struct BatchOptions {
  std::uint64_t first = 1;
  std::uint64_t count = 0;
  unsigned threads = 1;
  bool ends_when_found = false;
  bool needs_marks = true;  // a mark that was never hit is a failure; batches of less than 2,000 seeds are exempt
  TrialOptions trial;
};

struct BatchResult {
  struct Failure {
    std::uint64_t seed = 0;
    std::string complaint;
  };
  std::uint64_t seeds = 0;
  std::uint64_t steps = 0;
  double seconds = 0;
  double virtual_seconds = 0;
  std::vector<Failure> failures;  // ascending by seed
  MarkCounts marks;
  std::uint64_t hash = 0;  // of all trials: the same batch again gives the same
  std::vector<Mark> missing;
  [[nodiscard]] bool is_good() const { return failures.empty() && missing.empty(); }
};

/// Blocks until all is played. A failed GEMEL_CHECK ends the process; the seeds being played are printed first.
BatchResult run_batch(const BatchOptions& options);
std::string describe(const BatchResult& result);
/// False when the file cannot be written.
bool write_json(const BatchResult& result, const std::string& path);

}  // namespace gemel::sim
