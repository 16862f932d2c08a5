// Random faults against two controllers: every seed is a world (clock rates, lossy heartbeats, writers behind the
// gate's back) and a list of faults. Never may an invariant break; after everything is healed both hosts must be in S
// again. A failing seed is shortened to the fewest faults that still fail, and printed with the command that repeats
// it.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/text.h"
#include "core/pair_world.h"

namespace gemel::core::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

enum class Fault : std::uint8_t {
  kill_postgres,
  power_cycle,
  isolate,
  heal,
  cut_heartbeats,
  store_down,
  store_up,
  lose_answer,
  delay_transaction,
  fail_procedure,
  freeze_agent,
  restart_agent,
  switch_over,
  count_of_faults,
};

constexpr std::array names{
    "kill_postgres", "power_cycle",       "isolate",        "heal",         "cut_heartbeats", "store_down", "store_up",
    "lose_answer",   "delay_transaction", "fail_procedure", "freeze_agent", "restart_agent",  "switch_over"};
static_assert(names.size() == static_cast<std::size_t>(Fault::count_of_faults));

struct Step {
  Duration pause;  // before it
  Fault fault{};
  std::string host;
  Duration time;  // what it means depends on the fault
  bool flag = false;
};

struct Trial {
  Conditions conditions;
  std::vector<Step> steps;
};

struct Verdict {
  std::string complaint;  // empty: good
  std::vector<std::string> story;
};

std::string other_of(const std::string& host) { return host == "db1" ? "db2" : "db1"; }

Duration up_to(Random& random, std::uint64_t most) { return milliseconds(random.below(most) + 1); }

/// Clocks at most as wrong as the timers allow (ρ = 0.10).
double clock_rate(Random& random) {
  switch (random.below(4)) {
    case 0:
      return 1.0 / 1.1;
    case 1:
      return 1.0 / 0.9;
    default:
      return 1.0;
  }
}

Trial trial_of(std::uint64_t seed) {
  Random random(seed);
  Trial trial;
  trial.conditions.seed = random.next() % 1'000'000;
  trial.conditions.clock_rates = {{"db1", clock_rate(random)}, {"db2", clock_rate(random)}};
  trial.conditions.heartbeat_loss_percent = random.below(3) == 0 ? static_cast<unsigned>(random.below(30)) : 0U;
  trial.conditions.heartbeat_delay = random.below(3) == 0 ? up_to(random, 120) : Duration{milliseconds(1)};
  // Fast, so that nothing but the timers keeps two primaries apart; or slow, so that faults fall into procedures.
  if (random.below(2) == 0)
    trial.conditions.procedure_time = random.below(2) == 0 ? milliseconds(1) : up_to(random, 900);
  if (random.below(2) == 0) trial.conditions.store_time = random.below(2) == 0 ? milliseconds(1) : up_to(random, 250);
  trial.conditions.has_local_clients = random.below(2) == 0;
  const auto count = 3 + random.below(10);
  for (std::uint64_t index = 0; index < count; ++index) {
    Step step;
    // Many faults close to each other, some after the site is whole again.
    step.pause = random.below(3) == 0 ? up_to(random, 6000) : up_to(random, 300);
    step.fault = static_cast<Fault>(random.below(static_cast<std::uint64_t>(Fault::count_of_faults)));
    step.host = random.below(2) == 0 ? "db1" : "db2";
    step.time = random.below(2) == 0 ? up_to(random, 200) : up_to(random, 4000);
    step.flag = random.below(2) == 0;
    trial.steps.push_back(step);
  }
  return trial;
}

void act(PairWorld& world, const Step& step) {
  const bool is_on = world.is_powered(step.host);
  switch (step.fault) {
    case Fault::kill_postgres:
      return world.kill_postgres(step.host);
    case Fault::power_cycle:
      return is_on ? world.power_off(step.host) : world.power_on(step.host);
    case Fault::isolate:
      return world.isolate(step.host);
    case Fault::heal:
      return world.heal();
    case Fault::cut_heartbeats:
      return world.cut_heartbeats(step.host, other_of(step.host));
    case Fault::store_down:
      return world.set_store_up(false);
    case Fault::store_up:
      return world.set_store_up(true);
    case Fault::lose_answer:
      return world.lose_next_answer();
    case Fault::delay_transaction:
      return world.delay_next_transaction(step.time);
    case Fault::fail_procedure:
      return world.fail_next_procedure(step.host, step.flag);
    case Fault::freeze_agent:
      return world.freeze_agent(step.host, step.time);
    case Fault::restart_agent:
      if (is_on) world.restart_agent(step.host);
      return;
    case Fault::switch_over:
      world.ask_switch_over(step.host, step.flag ? "" : other_of(step.host));
      return;
    case Fault::count_of_faults:
      return;
  }
}

std::string explain(const Trial& trial) {
  std::string text = "world seed " + std::to_string(trial.conditions.seed) + ", clocks " +
                     std::to_string(trial.conditions.clock_rates.at("db1")) + " " +
                     std::to_string(trial.conditions.clock_rates.at("db2")) + ", heartbeats lost " +
                     std::to_string(trial.conditions.heartbeat_loss_percent) + " %, delayed up to " +
                     std::to_string(trial.conditions.heartbeat_delay / milliseconds(1)) + " ms, procedures take " +
                     std::to_string(trial.conditions.procedure_time / milliseconds(1)) + " ms, the store " +
                     std::to_string(trial.conditions.store_time / milliseconds(1)) + " ms, local clients " +
                     (trial.conditions.has_local_clients ? "yes" : "no") + "\n";
  for (const auto& step : trial.steps) {
    text += "  after " + std::to_string(step.pause / milliseconds(1)) +
            " ms: " + names.at(static_cast<std::size_t>(step.fault)) + " " + step.host + " " +
            std::to_string(step.time / milliseconds(1)) + " ms" + (step.flag ? " flag" : "") + "\n";
  }
  return text;
}

Verdict run(const Trial& trial) {
  PairWorld world(trial.conditions);
  world.run_until([&] { return world.is_whole(); }, seconds(20));
  for (const auto& step : trial.steps) {
    world.run_for(step.pause);
    if (!world.violation().empty()) break;
    world.tell("-- " + std::string(names.at(static_cast<std::size_t>(step.fault))) + " " + step.host);
    act(world, step);
  }
  world.tell("-- all healed");
  world.calm();
  for (const char* name : {"db1", "db2"}) {
    if (!world.is_powered(name)) world.power_on(name);
  }
  const bool is_alive = world.run_until([&] { return world.is_whole(); }, seconds(60));
  if (!world.violation().empty()) return {world.violation(), world.story()};
  if (!is_alive) return {"not whole 60 s after everything was healed", world.story()};
  return {"", {}};
}

/// Leaves out every fault without which it still fails in the same way.
Trial shorten(Trial trial, const std::string& complaint) {
  const auto kind = [](const std::string& text) { return text.substr(text.find("VIOLATED") + 1, 12); };
  for (bool is_shorter = true; is_shorter;) {
    is_shorter = false;
    for (std::size_t index = 0; index < trial.steps.size(); ++index) {
      Trial shorter = trial;
      const Duration pause = shorter.steps[index].pause;
      shorter.steps.erase(shorter.steps.begin() + static_cast<std::ptrdiff_t>(index));
      if (index < shorter.steps.size()) shorter.steps[index].pause += pause;
      const auto verdict = run(shorter);
      if (verdict.complaint.empty() || kind(verdict.complaint) != kind(complaint)) continue;
      trial = shorter;
      is_shorter = true;
      break;
    }
  }
  return trial;
}

// A failed GEMEL_CHECK ends the process: the seed must be known even then.
char aborted_seed[64];
extern "C" void say_seed(int /*signal*/) {
  std::fputs(aborted_seed, stderr);
  std::signal(SIGABRT, SIG_DFL);
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(RandomFaults, never_break_an_invariant_and_always_heal) {
  // GEMEL_SEED: the one to repeat; GEMEL_SEEDS: how many.
  const auto first = number_from("GEMEL_SEED", 1);
  const auto count = number_from("GEMEL_SEEDS", std::getenv("GEMEL_SEED") != nullptr ? 1 : 120);
  const auto before = std::signal(SIGABRT, say_seed);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    std::snprintf(aborted_seed, sizeof aborted_seed, "\nGEMEL_SEED=%llu\n", static_cast<unsigned long long>(seed));
    const auto verdict = run(trial_of(seed));
    if (verdict.complaint.empty()) continue;
    const Trial shortest = shorten(trial_of(seed), verdict.complaint);
    const auto again = run(shortest);
    ADD_FAILURE() << "seed " << seed << ": " << verdict.complaint << "\nrepeat: GEMEL_SEED=" << seed
                  << " gemel_core_test --gtest_filter=RandomFaults.never*\nshortened: " << again.complaint << "\n"
                  << explain(shortest) << join(again.story, "\n");
    if (std::getenv("GEMEL_KEEP_GOING") == nullptr) break;
  }
  std::signal(SIGABRT, before);
}

/// The first complaint of up to 60 seeds; `worsen` changes the world of each.
template <typename Worsen>
std::string first_complaint(Worsen worsen) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Trial trial = trial_of(seed);
    worsen(trial.conditions);
    const auto verdict = run(trial);
    if (verdict.complaint.contains("VIOLATED")) return verdict.complaint;
  }
  return "nothing found";
}

// The checks themselves: a world that breaks what the rules rest on must be noticed.

TEST(RandomFaults, catch_commits_that_do_not_wait) {
  const auto found = first_complaint([](Conditions& world) { world.mutant = Mutant::acknowledges_without_names; });
  EXPECT_TRUE(found.contains("VIOLATED I1")) << found;
}

/// db2 is promoted and cannot cut S: what it acknowledges to local clients meanwhile must be on db1.
std::string complaint_between_promotion_and_cut(Mutant mutant) {
  Conditions conditions;
  conditions.mutant = mutant;
  conditions.has_local_clients = true;
  PairWorld world(conditions);
  world.run_until([&] { return world.is_whole(); }, seconds(20));
  world.power_off("db1");
  EXPECT_TRUE(world.run_until([&] { return world.host("db2").run == PostgresRun::primary; }, seconds(5)));
  world.set_store_up(false);
  world.run_for(milliseconds(200));
  return world.violation();
}

TEST(RandomFaults, catch_a_promotion_that_forgets_the_names) {
  EXPECT_EQ(complaint_between_promotion_and_cut(Mutant::none), "");
  const auto found = complaint_between_promotion_and_cut(Mutant::promotes_without_names);
  EXPECT_TRUE(found.contains("VIOLATED I1")) << found;
}

TEST(RandomFaults, catch_a_gate_that_forgets_its_time_out) {
  const auto found = first_complaint([](Conditions& world) { world.mutant = Mutant::gate_stays_open; });
  EXPECT_TRUE(found.contains("VIOLATED I5")) << found;
}

TEST(RandomFaults, catch_clocks_worse_than_the_timers_allow) {
  const auto found = first_complaint([](Conditions& world) { world.clock_rates = {{"db1", 0.6}, {"db2", 1.4}}; });
  EXPECT_TRUE(found.contains("VIOLATED I5")) << found;
}

}  // namespace
}  // namespace gemel::core::testing
