// The table as a whole, the slots of the actions, and the arithmetic of the timers and the configuration.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/policy_bench.h"

namespace gemel::core::testing {
namespace {

TEST(PolicyTable, has_unique_ids_and_says_everything) {
  std::set<std::string_view> ids;
  for (const Rule& rule : policy_table()) {
    EXPECT_TRUE(ids.insert(rule.id).second) << rule.id << " twice";
    EXPECT_FALSE(rule.protocol.empty()) << rule.id;
    EXPECT_FALSE(rule.when.empty()) << rule.id;
    EXPECT_FALSE(rule.then.empty()) << rule.id;
    EXPECT_NE(rule.matches, nullptr) << rule.id;
    EXPECT_NE(rule.decide, nullptr) << rule.id;
  }
}

TEST(PolicyTable, ends_with_wait_which_always_matches) {
  const Rule& last = policy_table().back();
  EXPECT_EQ(last.id, "wait");
  EXPECT_FALSE(last.go_on);
  for (const State& state : {blank(db1), primary(), standby(), standby({db1}), taker()})
    EXPECT_TRUE(last.matches(state));
}

TEST(PolicyTable, covers_the_rules_of_the_protocol) {
  std::set<std::string_view> found;
  for (const Rule& rule : policy_table()) found.insert(rule.protocol);
  for (const char* id : {"R1", "R2", "R3", "R4", "R5", "R6", "R8", "R9", "R10", "bootstrap", "switchover", "stop"})
    EXPECT_TRUE(found.contains(id)) << id;
}

TEST(PolicyTable, decides_about_every_blank_and_half_known_state) {
  for (const auto run : {PostgresRun::unknown, PostgresRun::absent, PostgresRun::ruined, PostgresRun::stopped,
                         PostgresRun::starting, PostgresRun::standby, PostgresRun::primary}) {
    for (State state : {blank(db1), blank(db2), primary(), standby(), standby({db1}), taker()}) {
      state.facts.run = run;
      for (int round = 0; round < 5; ++round) {
        ASSERT_FALSE(decide(state).rules.empty()) << to_string(run);
        state.now = state.now + ms(700);
      }
    }
  }
}

template <std::size_t... Index>
std::vector<ActionKind> every_action(std::index_sequence<Index...> /*all*/) {
  return {ActionKind{std::in_place_index<Index>}...};
}

TEST(PolicyTable, every_action_has_a_slot_or_is_carried_out_at_once) {
  const std::set<std::string> at_once{"resume_heartbeat", "say",          "refresh_gate",
                                      "shut_gate",        "take_address", "drop_address"};
  std::map<Slot, int> in_slot;
  for (const ActionKind& kind : every_action(std::make_index_sequence<std::variant_size_v<ActionKind>>())) {
    const std::string text = describe(kind);
    const std::string name = text.substr(0, text.find(' '));
    EXPECT_EQ(slot_of(kind).has_value(), !at_once.contains(name)) << name;
    if (const auto slot = slot_of(kind)) ++in_slot[*slot];
  }
  EXPECT_EQ(in_slot, (std::map<Slot, int>{{Slot::store, 4}, {Slot::postgres, 11}, {Slot::heartbeat, 1}}));
}

// ---- timers ----

TEST(Timers, the_defaults_are_sound) { EXPECT_TRUE(check_timers(Timers{}).empty()); }

TEST(Timers, refuse_the_boundary_of_exclusivity) {
  Timers timers;  // lease 500 × 1.1 + gate 20 = 570; 570 / 0.9 = 633.3
  timers.grace = ms(634);
  EXPECT_TRUE(check_timers(timers).empty());
  timers.grace = ms(633);
  ASSERT_EQ(check_timers(timers).size(), 1U);
  EXPECT_TRUE(check_timers(timers)[0].contains("two primaries"));
  timers.clock_rate_error = 0;  // now exactly: grace = lease + gate is not enough
  timers.grace = ms(520);
  EXPECT_EQ(check_timers(timers).size(), 1U);
  timers.grace = ms(521);
  EXPECT_TRUE(check_timers(timers).empty());
}

TEST(Timers, refuse_each_other_mistake) {
  const auto mistakes = [](auto change) {
    Timers timers;
    change(timers);
    return check_timers(timers).size();
  };
  EXPECT_EQ(mistakes([](Timers& t) { t.suspect = t.lease; }), 1U);
  EXPECT_EQ(mistakes([](Timers& t) { t.hb = ms(101); }), 1U);
  EXPECT_EQ(mistakes([](Timers& t) { t.hb = ms(100); }), 0U);
  EXPECT_EQ(mistakes([](Timers& t) { t.kill = ms(0); }), 1U);
  EXPECT_EQ(mistakes([](Timers& t) { t.stable = ms(-1); }), 1U);
  EXPECT_EQ(mistakes([](Timers& t) { t.clock_rate_error = 0.5; }), 1U);
  EXPECT_EQ(mistakes([](Timers& t) { t.clock_rate_error = -0.01; }), 1U);
  EXPECT_EQ(mistakes([](Timers& t) { t.clock_rate_error = std::nan(""); }), 1U);
}

TEST(CoreConfig, says_every_mistake) {
  EXPECT_TRUE(check_config(db1, bench_config()).empty());
  Config config;
  config.min_copies = 2;
  config.timers.grace = ms(500);
  EXPECT_EQ(check_config(db1, config).size(), 5U);
  for (const std::uint32_t count : {0U, 2U}) {
    config = bench_config();
    config.sync_standbys = count;
    EXPECT_EQ(check_config(db1, config).size(), 1U) << count;
  }
}

}  // namespace
}  // namespace gemel::core::testing
