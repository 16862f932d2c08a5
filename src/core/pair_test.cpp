// Two controllers against each other: the procedures from end to end, in virtual time.
#include <gtest/gtest.h>

#include <chrono>

#include "base/text.h"
#include "core/pair_world.h"

namespace gemel::core::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Pair : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world.run_until([&] { return is_whole(); }, seconds(30))) << story();
    world.take_longest_gap();
  }
  void TearDown() override {
    EXPECT_EQ(world.violation(), "");
    if (HasFailure()) std::printf("%s\n", story().c_str());
  }
  bool is_whole() { return !world.primary().empty() && world.store().record && world.members().size() == 2; }
  std::string story() { return join(world.story(), "\n"); }
  bool becomes_whole() {
    return world.run_until([&] { return is_whole(); }, seconds(20));
  }

  PairWorld world;
};

TEST_F(Pair, bootstraps_and_adds_the_second_host) {
  EXPECT_EQ(world.primary(), "db1");
  EXPECT_EQ(world.store().record->record.epoch, Epoch{1});
  world.run_for(seconds(1));
  EXPECT_GT(world.acknowledged(), 100U);
}

TEST_F(Pair, crash_of_postgresql_is_handed_over_within_a_fraction_of_a_second) {
  world.kill_postgres("db1");
  world.run_for(seconds(1));
  EXPECT_EQ(world.primary(), "db2");
  EXPECT_LT(world.take_longest_gap(), milliseconds(300));
  EXPECT_TRUE(becomes_whole());
}

TEST_F(Pair, loss_of_the_primary_host_is_taken_over_after_the_grace_period) {
  world.power_off("db1");
  world.run_for(seconds(2));
  EXPECT_EQ(world.primary(), "db2");
  const auto gap = world.take_longest_gap();
  EXPECT_GT(gap, milliseconds(600));
  EXPECT_LT(gap, milliseconds(900));
  world.power_on("db1");
  EXPECT_TRUE(becomes_whole());
  EXPECT_EQ(world.primary(), "db2");
}

TEST_F(Pair, isolated_primary_is_shut_before_the_standby_takes_over) {
  world.isolate("db1");
  world.run_for(seconds(3));
  EXPECT_EQ(world.primary(), "db2");
  EXPECT_LT(world.take_longest_gap(), milliseconds(900));
  world.heal();
  EXPECT_TRUE(becomes_whole());
}

TEST_F(Pair, an_agent_restarted_after_a_takeover_drops_the_address_its_predecessor_left) {
  world.freeze_agent("db1", seconds(5));
  world.run_for(seconds(2));
  ASSERT_EQ(world.primary(), "db2");
  ASSERT_TRUE(world.host("db1").has_address);
  world.restart_agent("db1");
  world.run_for(seconds(1));
  EXPECT_FALSE(world.host("db1").has_address);
  EXPECT_TRUE(becomes_whole());
}

TEST_F(Pair, switchover_goes_there_and_back) {
  EXPECT_TRUE(world.switch_over("db1", "db2").accepted);
  world.run_for(seconds(1));
  EXPECT_EQ(world.primary(), "db2");
  EXPECT_LT(world.take_longest_gap(), milliseconds(300));
  ASSERT_TRUE(becomes_whole());
  EXPECT_TRUE(world.switch_over("db2", "").accepted);
  world.run_for(seconds(1));
  EXPECT_EQ(world.primary(), "db1");
  EXPECT_TRUE(becomes_whole());
}

TEST_F(Pair, switchover_is_refused_with_a_reason) {
  EXPECT_EQ(world.switch_over("db2", "db1").reason, "not_primary");
  EXPECT_EQ(world.switch_over("db1", "db1").reason, "already_there");
  EXPECT_EQ(world.switch_over("db1", "db9").reason, "no_such_host");
  world.power_off("db2");
  world.run_for(seconds(2));
  EXPECT_EQ(world.switch_over("db1", "db2").reason, "not_synchronous");
  EXPECT_EQ(world.switch_over("db1", "").reason, "no_candidate");
}

TEST_F(Pair, loss_of_the_standby_is_a_short_pause_of_commits) {
  world.power_off("db2");
  world.run_for(seconds(2));
  EXPECT_EQ(world.primary(), "db1");
  EXPECT_EQ(world.members(), NodeSet{{"db1"}});
  EXPECT_LT(world.take_longest_gap(), milliseconds(550));
  world.power_on("db2");
  EXPECT_TRUE(becomes_whole());
}

TEST_F(Pair, loss_of_the_store_changes_nothing_while_the_hosts_see_each_other) {
  world.set_store_up(false);
  world.run_for(seconds(10));
  EXPECT_EQ(world.primary(), "db1");
  EXPECT_LT(world.take_longest_gap(), milliseconds(20));
  world.set_store_up(true);
  world.run_for(seconds(2));
  EXPECT_TRUE(is_whole());
}

TEST_F(Pair, without_store_and_standby_the_gate_shuts_and_heals_when_the_store_returns) {
  world.set_store_up(false);
  world.power_off("db2");
  world.run_for(seconds(5));
  EXPECT_EQ(world.primary(), "");
  world.set_store_up(true);
  EXPECT_TRUE(world.run_until([&] { return world.primary() == "db1"; }, seconds(10)));
}

TEST_F(Pair, restart_of_the_agent_claims_the_running_primary) {
  world.restart_agent("db1");
  world.run_for(seconds(1));
  EXPECT_EQ(world.primary(), "db1");
  EXPECT_EQ(world.store().record->record.epoch, Epoch{1});
  EXPECT_LT(world.take_longest_gap(), milliseconds(600));
  EXPECT_TRUE(becomes_whole());
}

TEST_F(Pair, late_add_of_a_dead_agent_is_void_after_the_claim_of_the_next) {
  world.power_off("db2");
  world.run_for(seconds(1));
  world.power_on("db2");
  const auto is_adding = [&] {
    const auto& pending = world.host("db1").controller->state().pending;
    return pending && pending->swap.purpose == SwapPurpose::add;
  };
  ASSERT_TRUE(world.run_until(is_adding, seconds(10)));
  world.delay_next_transaction(seconds(1));
  world.run_for(milliseconds(20));  // it is under way
  world.restart_agent("db1");
  world.run_for(milliseconds(500));
  world.isolate("db2");  // before it could be added properly: only the late transaction could do it
  world.run_for(seconds(2));
  EXPECT_EQ(world.members(), NodeSet{{"db1"}});
  EXPECT_EQ(world.primary(), "db1");
  world.heal();
  EXPECT_TRUE(becomes_whole());
}

TEST_F(Pair, lost_answer_of_a_bid_is_resolved_by_its_token) {
  world.kill_postgres("db1");
  world.run_for(milliseconds(34));  // the resignation is under way
  world.lose_next_answer();
  world.run_for(seconds(2));
  EXPECT_FALSE(world.primary().empty());
  EXPECT_TRUE(becomes_whole());
}

TEST_F(Pair, power_loss_of_both_hosts_ends_with_one_primary_and_all_rows) {
  world.power_off("db1");
  world.power_off("db2");
  world.run_for(seconds(3));
  world.power_on("db2");
  world.power_on("db1");
  EXPECT_TRUE(becomes_whole());
}

TEST_F(Pair, standby_in_s_alone_may_take_over_when_the_holder_stays_away) {
  world.power_off("db2");
  world.power_off("db1");
  world.power_on("db2");
  EXPECT_TRUE(world.run_until([&] { return world.primary() == "db2"; }, seconds(5)));
}

TEST_F(Pair, host_that_is_not_in_s_never_takes_over) {
  world.power_off("db2");
  world.run_for(seconds(2));  // S = {db1}
  world.power_off("db1");
  world.power_on("db2");
  world.run_for(seconds(30));
  EXPECT_EQ(world.primary(), "");
}

TEST_F(Pair, heartbeats_cut_between_the_hosts_costs_the_standby_not_the_primary) {
  world.stop_heartbeats_between(true);
  world.run_for(seconds(5));
  EXPECT_EQ(world.primary(), "db1");
  EXPECT_EQ(world.members(), NodeSet{{"db1"}});
  world.stop_heartbeats_between(false);
  EXPECT_TRUE(becomes_whole());
}

TEST_F(Pair, many_failovers_in_a_row_lose_nothing) {
  for (int round = 0; round < 20; ++round) {
    const std::string victim = world.primary();
    if (round % 3 == 0) world.kill_postgres(victim);
    if (round % 3 == 1) world.power_off(victim);
    if (round % 3 == 2) world.isolate(victim);
    world.run_for(milliseconds(700 + 130 * round));
    if (round % 3 == 1) world.power_on(victim);
    world.heal();
    ASSERT_TRUE(becomes_whole()) << "round " << round;
  }
}

}  // namespace
}  // namespace gemel::core::testing
