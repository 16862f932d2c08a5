#include "sim/mutant_check.h"

#include <cstdio>

#include "sim/batch.h"
#include "sim/mutants.h"

namespace gemel::sim {
namespace {

MutantResult play(const Mutation& mutation, std::uint64_t budget, unsigned threads) {
  BatchOptions options;
  options.threads = threads;
  options.ends_when_found = true;
  options.needs_marks = false;
  options.trial.mutation = &mutation;
  MutantResult result{.mutation = &mutation, .budget = budget, .found_at = 0, .checker = {}, .seconds = 0};
  while (options.first <= budget) {
    options.count = budget - options.first + 1;
    const BatchResult batch = run_batch(options);
    result.seconds += batch.seconds;
    if (batch.failures.empty()) break;
    const auto& failure = batch.failures.front();
    // Only the planted bug counts: without it the same seed must be good.
    if (run_trial(failure.seed, {}).complaint.empty()) {
      result.found_at = failure.seed;
      result.checker = failure.complaint.substr(0, failure.complaint.find(':'));
      break;
    }
    options.first = failure.seed + 1;
  }
  return result;
}

void print(const MutantResult& result) {
  const std::string found =
      result.found_at == 0 ? "SURVIVED" : result.checker + " at seed " + std::to_string(result.found_at);
  std::printf("%-32s %-18s of %6llu %7.1f s  %s\n", result.mutation->name.c_str(), found.c_str(),
              static_cast<unsigned long long>(result.budget), result.seconds, result.mutation->what.c_str());
  std::fflush(stdout);
}

}  // namespace

std::vector<MutantResult> check_mutants(std::uint64_t most, unsigned threads) {
  std::vector<MutantResult> results;
  for (const auto& mutation : mutants()) {
    results.push_back(play(mutation, most != 0 ? most : seeds_for(mutation), threads));
    print(results.back());
  }
  return results;
}

}  // namespace gemel::sim
