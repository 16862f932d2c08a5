// Whole trials: nothing wrong with the product, repeatable, and every checker can fail. Run in the root of the source.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "sim/batch.h"
#include "sim/mutants.h"
#include "sim/world_mutants.h"

namespace gemel::sim {
namespace {

constexpr const char* kept_seeds = "tests/seeds/found.txt";

TEST(Trial, never_breaks_a_promise_in_the_first_seeds) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    const Verdict verdict = run_trial(seed, {});
    EXPECT_EQ(verdict.complaint, "") << "repeat: gemel-sim --seed " << seed;
    EXPECT_GT(verdict.steps, 50U) << seed;
  }
}

TEST(Trial, always_goes_the_same_way_for_the_same_seed) {
  std::uint64_t former = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Verdict first = run_trial(seed, {});
    TrialOptions with_story;
    with_story.wants_story = true;
    EXPECT_EQ(first.hash, run_trial(seed, with_story).hash) << seed;
    EXPECT_NE(first.hash, former) << "the hash says nothing";
    former = first.hash;
  }
}

TEST(Trial, never_fails_again_in_a_seed_that_once_failed) {
  std::ifstream file(kept_seeds);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::uint64_t seed = 0;
    TrialOptions options;
    words >> seed >> options.hosts >> options.worlds;
    ASSERT_TRUE(words) << line;
    EXPECT_EQ(run_trial(seed, options).complaint, "") << line;
    ++count;
  }
  EXPECT_GE(count, 3U) << "run this program in the root of the source: it reads " << kept_seeds;
}

TEST(Trial, can_be_shortened_to_the_faults_that_matter) {
  TrialOptions options;
  options.mutation = &world_mutants().front();
  const Plan plan = plan_of(1, options);
  ASSERT_NE(run_plan(plan, options).complaint, "");
  const Plan shorter = shrink(plan, options);
  EXPECT_LT(shorter.faults.size(), plan.faults.size());
  EXPECT_NE(run_plan(shorter, options).complaint, "");
}

/// The primary is cut off; a commit waits, its client cancels; then the other host takes over without that commit.
TEST(Trial, notices_a_client_that_takes_a_cancelled_wait_for_done) {
  Plan plan;
  plan.conditions.clients = 3;
  plan.conditions.has_reads = false;
  plan.conditions.think_time = std::chrono::milliseconds(20);
  Fault isolate;
  isolate.kind = FaultKind::isolate;
  isolate.pause = std::chrono::milliseconds(500);
  isolate.time = std::chrono::milliseconds(6000);
  Fault cancel;
  cancel.kind = FaultKind::cancel_waits;
  cancel.pause = std::chrono::milliseconds(300);
  Fault later = cancel;
  later.pause = std::chrono::milliseconds(5000);  // long enough for an election of etcd and a take-over
  plan.faults = {isolate, cancel, later};
  EXPECT_EQ(run_plan(plan, {}).complaint, "");
  TrialOptions broken;
  for (const auto& mutation : world_mutants()) {
    if (mutation.model == BrokenModel::cancel_counts_as_done) broken.mutation = &mutation;
  }
  const auto found = run_plan(plan, broken).complaint;
  EXPECT_TRUE(found.starts_with("A:")) << found;
}

/// Each broken model is noticed, and by the checker that is there for it.
class BrokenModels : public ::testing::TestWithParam<std::size_t> {};

TEST_P(BrokenModels, are_found_by_the_checker_meant_for_them) {
  const Mutation& mutation = world_mutants().at(GetParam());
  if (mutation.model == BrokenModel::cancel_counts_as_done) return;  // too rare by chance: the test above
  const auto meant = mutation.what.substr(mutation.what.rfind('(') + 1);
  const std::string checker = meant.substr(0, meant.find(')')) + ":";
  BatchOptions options;
  options.trial.mutation = &mutation;
  options.ends_when_found = true;
  options.needs_marks = false;
  std::uint64_t first = 1;
  for (; first <= 1500; first = options.first + 1) {
    options.first = first;
    options.count = 1501 - first;
    const BatchResult result = run_batch(options);
    ASSERT_FALSE(result.failures.empty()) << mutation.name << " survived";
    if (result.failures.front().complaint.starts_with(checker)) return;
    options.first = result.failures.front().seed;
  }
  ADD_FAILURE() << mutation.name << " was not found by " << checker;
}

INSTANTIATE_TEST_SUITE_P(All, BrokenModels, ::testing::Range<std::size_t>(0, world_mutants().size()),
                         [](const auto& model) { return world_mutants().at(model.param).name; });

}  // namespace
}  // namespace gemel::sim
