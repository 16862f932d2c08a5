// gemel-sim: plays seeds and says which of them break a promise.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "sim/batch.h"
#include "sim/mutant_check.h"
#include "sim/mutants.h"
#include "sim/world_mutants.h"

namespace gemel::sim {
namespace {

constexpr const char* usage = R"(gemel-sim: the fault simulator of Gemel's core.

  gemel-sim --seed N [--shrink] [--quiet]    repeat one seed, print its story
  gemel-sim --seeds A..B | N [--from M]      a batch; exit code 1 when a seed failed or a mark was never hit
  gemel-sim --mutants [--seeds N]            every planted bug in turn; exit code 1 when one survives its budget of seeds
Options
  -j N              threads (1)
  -o FILE           the summary as JSON
  --hosts 2|3       always so many database hosts (by the seed)
  --mutant NAME     with a planted bug; --list-mutants lists them
  --until-found     end a batch at the first failure
  --worlds 1|2|3    the milder worlds of before, or the present ones (3)
  --store-restore   etcd may be restored from an old copy
  --no-marks        do not fail for marks that were not hit
)";

struct Arguments {
  BatchOptions batch;
  std::optional<std::uint64_t> seed;
  bool is_shrinking = false;
  bool is_quiet = false;
  bool is_listing = false;
  bool is_checking_mutants = false;
  std::string output;
};

const Mutation* find_mutation(std::string_view name) {
  for (const auto* list : {&mutants(), &world_mutants()}) {
    for (const auto& mutation : *list) {
      if (mutation.name == name) return &mutation;
    }
  }
  return nullptr;
}

std::uint64_t number(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 10); }

void take_range(BatchOptions& batch, const std::string& text) {
  const auto dots = text.find("..");
  if (dots == std::string::npos) {
    batch.count = number(text);
    return;
  }
  batch.first = number(text.substr(0, dots));
  batch.count = number(text.substr(dots + 2)) - batch.first + 1;
}

/// False: not understood.
bool parse(int count, char** words, Arguments& arguments) {
  for (int index = 1; index < count; ++index) {
    const std::string word = words[index];
    const auto next = [&] { return index + 1 < count ? std::string(words[++index]) : std::string(); };
    if (word == "--seed") {
      arguments.seed = number(next());
    } else if (word == "--seeds") {
      take_range(arguments.batch, next());
    } else if (word == "--from") {
      arguments.batch.first = number(next());
    } else if (word.starts_with("-j") && word.size() > 2) {
      arguments.batch.threads = static_cast<unsigned>(number(word.substr(2)));
    } else if (word == "-j") {
      arguments.batch.threads = static_cast<unsigned>(number(next()));
    } else if (word == "-o") {
      arguments.output = next();
    } else if (word == "--hosts") {
      arguments.batch.trial.hosts = number(next());
    } else if (word == "--worlds") {
      arguments.batch.trial.worlds = static_cast<unsigned>(number(next()));
    } else if (word == "--mutant") {
      arguments.batch.trial.mutation = find_mutation(next());
      if (arguments.batch.trial.mutation == nullptr) return false;
    } else if (word == "--mutants") {
      arguments.is_checking_mutants = true;
    } else if (word == "--list-mutants") {
      arguments.is_listing = true;
    } else if (word == "--shrink") {
      arguments.is_shrinking = true;
    } else if (word == "--quiet") {
      arguments.is_quiet = true;
    } else if (word == "--until-found") {
      arguments.batch.ends_when_found = true;
    } else if (word == "--store-restore") {
      arguments.batch.trial.has_store_restore = true;
    } else if (word == "--no-marks") {
      arguments.batch.needs_marks = false;
    } else {
      return false;
    }
  }
  const auto hosts = arguments.batch.trial.hosts;
  const bool has_task =
      arguments.seed || arguments.batch.count > 0 || arguments.is_listing || arguments.is_checking_mutants;
  return has_task && arguments.batch.threads > 0 && (hosts == 0 || hosts == 2 || hosts == 3);
}

int play_one(const Arguments& arguments) {
  TrialOptions options = arguments.batch.trial;
  options.wants_story = !arguments.is_quiet;
  Plan plan = plan_of(*arguments.seed, options);
  if (arguments.is_shrinking && !run_plan(plan, options).complaint.empty()) plan = shrink(plan, options);
  std::fputs(describe(plan).c_str(), stdout);
  const Verdict verdict = run_plan(plan, options);
  for (const auto& line : verdict.story) std::printf("%s\n", line.c_str());
  std::printf("seed %llu: %s; hash %016llx, %llu steps, %lld ms\n", static_cast<unsigned long long>(*arguments.seed),
              verdict.complaint.empty() ? "nothing wrong" : verdict.complaint.c_str(),
              static_cast<unsigned long long>(verdict.hash), static_cast<unsigned long long>(verdict.steps),
              static_cast<long long>(verdict.virtual_time / std::chrono::milliseconds(1)));
  return verdict.complaint.empty() ? 0 : 1;
}

int check_all_mutants(const BatchOptions& batch) {
  const auto results = check_mutants(batch.count, batch.threads);
  const auto survivors = std::ranges::count(results, std::uint64_t{0}, &MutantResult::found_at);
  std::printf("%zu mutants, %td survived\n", results.size(), survivors);
  return survivors == 0 ? 0 : 1;
}

int run(int count, char** words) {
  Arguments arguments;
  if (!parse(count, words, arguments)) {
    std::fputs(usage, stderr);
    return 2;
  }
  if (arguments.is_listing) {
    for (const auto* list : {&mutants(), &world_mutants()}) {
      for (const auto& mutation : *list) std::printf("%-32s %s\n", mutation.name.c_str(), mutation.what.c_str());
    }
    return 0;
  }
  if (arguments.is_checking_mutants) return check_all_mutants(arguments.batch);
  if (arguments.seed) return play_one(arguments);
  const BatchResult result = run_batch(arguments.batch);
  std::fputs(describe(result).c_str(), stdout);
  if (!arguments.output.empty() && !write_json(result, arguments.output)) {
    std::fprintf(stderr, "gemel-sim: cannot write %s\n", arguments.output.c_str());
    return 2;
  }
  return result.is_good() ? 0 : 1;
}

}  // namespace
}  // namespace gemel::sim

int main(int count, char** words) { return gemel::sim::run(count, words); }
