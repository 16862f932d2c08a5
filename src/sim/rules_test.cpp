// Every rule of the policy decides in some simulated world. A rule that none reaches is dead, or the worlds are too
// mild to judge it. Run in the root of the source.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <set>
#include <sstream>

#include "sim/trial.h"

namespace gemel::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// The worlds end earlier, as soon as every rule was met.
constexpr std::uint64_t most_seeds = 1500;

/// What the models leave out, and where the rule decides instead.
struct Unreached {
  std::string_view rule;
  std::string_view why;
  const char* test;
};
constexpr std::array unreached{
    Unreached{"halt_foreign", "etcd and the directories of a world are of one site", "src/core/policy_store_test.cpp"},
    Unreached{"member_without_data", "no directory of a world vanishes", "src/core/policy_return_test.cpp"},
    Unreached{"stop_hopeless", "a holder that is well sends again within 30 s", "src/core/policy_return_test.cpp"},
};

/// What was met so far: rules that decided (or acted and let the rules below decide too), actions that were begun.
struct Tally {
  std::set<std::string_view> rules;
  std::set<std::size_t> actions;  // indices of core::ActionKind
};

/// The first half a minute after a machine's start: later the site must be left in peace to become whole.
bool is_time_to_ask(const core::State& state) { return state.now.since_boot % hours(1) < seconds(30); }

std::int64_t second_of(TimePoint time) { return time.since_boot / seconds(1); }

/// Operators pause the site and end pauses; service-side targets vanish for the holder alone.
void ask(core::Input& input, const core::State& state) {
  if (!std::holds_alternative<core::event::Tick>(input.event) || !is_time_to_ask(state)) return;
  const auto second = second_of(input.now);
  if (state.is_paused()) {
    if (second % 7 == 0 && !state.wants_resume) input.event = core::event::ResumeAsked{1, "a test"};
  } else if (second % 9 == 4 && state.is_serving() && !state.pause_wish) {
    input.event = core::event::PauseAsked{1, "a test", "maintenance", seconds(10), "later"};
  } else if (input.now - state.service.seen > milliseconds(500)) {
    const bool is_blind = state.is_holder() && second % 9 > 4;
    input.event = core::event::ServiceSeen{static_cast<std::uint16_t>(is_blind ? 0 : 3), 3};
  }
}

/// Hooks that change what a site is like and note what its controllers decide. `tally` outlives it.
Mutation recorder(std::uint64_t seed, Tally& tally) {
  Mutation hooks;
  hooks.name = "recorder";
  if (seed % 4 == 1) hooks.before = ask;
  if (seed % 4 == 2) hooks.config = [](core::Config& config) { config.min_copies = 2; };
  // A promotion that is late is rare otherwise.
  if (seed % 16 == 4) hooks.config = [](core::Config& config) { config.timers.promote = milliseconds(100); };
  hooks.after = [&tally](const core::Output& output, const core::State&) {
    tally.rules.insert(output.rules.begin(), output.rules.end());
    for (const auto& action : output.start) tally.actions.insert(action.kind.index());
  };
  return hooks;
}

std::vector<std::string_view> missing_of(const Tally& tally) {
  std::vector<std::string_view> missing;
  for (const auto& rule : core::policy_table()) {
    const bool is_elsewhere = std::ranges::find(unreached, rule.id, &Unreached::rule) != unreached.end();
    if (!is_elsewhere && !tally.rules.contains(rule.id)) missing.push_back(rule.id);
  }
  return missing;
}

TEST(Rules, each_decides_in_some_world) {
  Tally tally;
  std::uint64_t seed = 0;
  while (seed < most_seeds && !missing_of(tally).empty()) {
    ++seed;
    const Mutation hooks = recorder(seed, tally);
    TrialOptions options;
    options.mutation = &hooks;
    options.has_store_restore = seed % 4 == 3;
    const Verdict verdict = run_trial(seed, options);
    // A site that waits for a copy need not serve.
    const bool is_safe = verdict.complaint.empty() || (seed % 4 == 2 && verdict.complaint.starts_with("L"));
    EXPECT_TRUE(is_safe) << seed << " " << verdict.complaint;
  }
  RecordProperty("worlds", static_cast<int>(seed));
  for (const auto rule : missing_of(tally)) ADD_FAILURE() << rule << " never decided in " << seed << " worlds";
  EXPECT_EQ(tally.actions.size(), std::variant_size_v<core::ActionKind>) << "an action was never begun";
}

// Of three hosts two forks had one timeline number, in a world with pauses.
TEST(Rules, keep_forks_apart_in_a_world_with_pauses) {
  Tally tally;
  const Mutation hooks = recorder(289, tally);
  TrialOptions options;
  options.mutation = &hooks;
  EXPECT_EQ(run_trial(289, options).complaint, "");
}

TEST(Rules, that_no_world_reaches_are_reached_by_the_named_test) {
  for (const auto& entry : unreached) {
    std::ifstream file(entry.test);
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_TRUE(text.str().contains("\"" + std::string(entry.rule) + "\"")) << entry.rule << " in " << entry.test;
    EXPECT_NE(std::ranges::find(core::policy_table(), entry.rule, &core::Rule::id), core::policy_table().end());
  }
}

}  // namespace
}  // namespace gemel::sim
