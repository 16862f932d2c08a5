// How many copies: min_copies, several synchronous standbys, standbys that flap.
#include <gtest/gtest.h>

#include "core/policy_bench.h"

namespace gemel::core::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const NodeId db3{"db3"};

// ---- min_copies = 2 ----

State primary_of_two() {
  State state = primary();
  state.config.min_copies = 2;
  return state;
}

/// Its only standby was removed a moment ago.
State short_of_copies() {
  State state = primary_of_two();
  state.now = state.now + ms(400);
  state.facts_at = state.links[db2].progressed = state.now;
  EXPECT_NE(decide(state).swap(SwapPurpose::remove), nullptr);
  end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}});
  return state;
}

TEST(MinCopies, shuts_the_gate_when_a_copy_is_lost_and_lets_postgresql_run) {
  State state = primary_of_two();
  state.now = state.now + ms(400);
  state.facts_at = state.links[db2].progressed = state.now;
  decide(state);
  const auto decided = end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}});
  EXPECT_TRUE(decided.fired("shut_short_of_copies"));
  EXPECT_LT(decided.place<action::ShutGate>(), decided.place<action::DropAddress>());
  EXPECT_EQ(decided.find<action::KillPostgres>(), nullptr);
  // Local writers wait too: the names go from the standby to nobody's name in one step.
  ASSERT_NE(decided.find<action::SetNames>(), nullptr);
  EXPECT_EQ(decided.find<action::SetNames>()->names, NodeSet{no_copy});
  EXPECT_EQ(decided.last(), "wait_for_copy");
}

TEST(MinCopies, waits_for_as_long_as_it_takes_and_neither_kills_nor_resigns) {
  State state = short_of_copies();
  end(state, Slot::postgres, Certainty::done);
  for (int minute = 0; minute < 10; ++minute) {
    state.now = state.now + minutes(1);
    state.store_read_at = state.now;
    hear(state, db2, PostgresRun::standby);
    state.links.clear();
    const auto decided = decide(state);
    EXPECT_EQ(decided.last(), "wait_for_copy");
    EXPECT_TRUE(decided.output.start.empty());
  }
}

TEST(MinCopies, opens_again_when_a_standby_was_added_without_waiting_for_it_to_be_stable) {
  State state = short_of_copies();
  end(state, Slot::postgres, Certainty::done);
  hear(state, db2, PostgresRun::standby);
  state.links[db2] = LinkState{state.now, true, Lsn{300}, state.now, Lsn{300}, state.now, state.now};
  decide(state);  // add_member begins
  const auto names = decide(state);
  ASSERT_NE(names.find<action::SetNames>(), nullptr);
  EXPECT_EQ(names.find<action::SetNames>()->names, (NodeSet{db2, no_copy}));
  EXPECT_TRUE(names.find<action::SetNames>()->with_barrier);
  EXPECT_NE(end(state, Slot::postgres, Certainty::done, payload::Mark{Lsn{250}}).swap(SwapPurpose::add), nullptr);
  const auto added = end(state, Slot::store, Certainty::done, payload::Swapped{Revision{12}});
  EXPECT_TRUE(added.fired("open"));  // beside the shortening of the names
  ASSERT_NE(added.find<action::SetNames>(), nullptr);
  EXPECT_EQ(added.find<action::SetNames>()->names, NodeSet{db2});
}

TEST(MinCopies, a_taker_waits_for_a_copy_and_does_not_resign_when_it_comes_late) {
  State state = taker();
  state.config.min_copies = 2;
  state.facts.served = Epoch{4};
  decide(state);
  end(state, Slot::postgres, Certainty::done, payload::Promoted{6, Lsn{200}});
  end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}});  // the cut
  EXPECT_FALSE(end(state, Slot::postgres, Certainty::done, payload::Mark{Lsn{210}}).fired("open"));
  EXPECT_TRUE(state.is_busy(Slot::postgres));  // the checkpoint: db1 needs it to come back
  end(state, Slot::postgres, Certainty::done);
  end(state, Slot::store, Certainty::done);  // the history is complete
  state.now = state.now + seconds(20);
  state.store_read_at = state.facts_at = state.now;
  hear(state, db1, PostgresRun::standby);
  state.links[db1] = LinkState{state.now, true, Lsn{300}, state.now, Lsn{300}, state.now, state.now};
  decide(state);
  decide(state);
  end(state, Slot::postgres, Certainty::done, payload::Mark{Lsn{250}});
  const auto added = end(state, Slot::store, Certainty::done, payload::Swapped{Revision{12}});
  EXPECT_FALSE(added.fired("resign_slow"));
  EXPECT_TRUE(added.fired("open"));
}

TEST(MinCopies, has_an_upper_bound) {
  Config config = bench_config();
  config.min_copies = 2;
  EXPECT_TRUE(check_config(db1, config).empty());
  for (const std::uint32_t wrong : {0U, 3U}) {
    config.min_copies = wrong;
    ASSERT_EQ(check_config(db1, config).size(), 1U) << wrong;
    EXPECT_TRUE(check_config(db1, config)[0].contains("min_copies"));
  }
}

// ---- more than one synchronous standby ----

/// db1 serves, db2 and db3 stream; `members` is S.
State primary_of_three(NodeSet members, std::uint32_t sync_standbys) {
  State state = primary(std::move(members));
  state.config.databases = {db1, db2, db3};
  state.config.sync_standbys = sync_standbys;
  state.links[db3] = state.links[db2];
  hear(state, db3, PostgresRun::standby);
  state.names = state.other_members();
  return state;
}

TEST(SyncStandbys, are_added_until_there_are_enough) {
  State one = primary_of_three({db1, db2}, 1);
  EXPECT_FALSE(decide(one).fired("add_member"));
  State two = primary_of_three({db1, db2}, 2);
  EXPECT_TRUE(decide(two).fired("add_member"));
  const auto names = decide(two);
  ASSERT_NE(names.find<action::SetNames>(), nullptr);
  EXPECT_EQ(names.find<action::SetNames>()->names, (NodeSet{db2, db3}));
}

TEST(SyncStandbys, an_extra_takes_the_place_of_a_lost_one) {
  State state = primary_of_three({db1, db2}, 1);
  state.now = state.now + ms(400);
  state.facts_at = state.links[db2].progressed = state.links[db3].progressed = state.now;
  hear(state, db3, PostgresRun::standby);
  ASSERT_NE(decide(state).swap(SwapPurpose::remove), nullptr);
  end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}});
  const auto decided = end(state, Slot::postgres, Certainty::done);
  EXPECT_TRUE(decided.fired("add_member"));
  ASSERT_TRUE(state.add.has_value());
  EXPECT_EQ(state.add->node, db3);
}

TEST(SyncStandbys, all_of_them_must_confirm_for_a_permit) {
  State state = primary_of_three({db1, db2, db3}, 2);
  state.now = state.now + ms(100);
  hear(state, db2, PostgresRun::standby);
  EXPECT_EQ(state.permit_until(), *state.peers[db3].confirmed + ms(500));
  state.now = state.now + ms(400);
  hear(state, db2, PostgresRun::standby);
  EXPECT_TRUE(decide(state).fired("shut_without_permit"));
}

TEST(SyncStandbys, a_taker_cuts_all_of_them) {
  State state = taker();
  state.store.record->record.members = {db1, db2, db3};
  state.facts.served = Epoch{4};
  const auto promoting = decide(state);
  ASSERT_NE(promoting.find<action::Promote>(), nullptr);
  EXPECT_EQ(promoting.find<action::Promote>()->names, (NodeSet{db1, db3}));
  const auto promoted = end(state, Slot::postgres, Certainty::done, payload::Promoted{6, Lsn{200}});
  ASSERT_NE(promoted.swap(SwapPurpose::cut), nullptr);
  EXPECT_EQ(promoted.swap(SwapPurpose::cut)->next.members, NodeSet{db2});
}

TEST(SyncStandbys, one_that_is_ahead_of_the_takers_fork_is_rewound_before_it_follows) {
  StoreView view = record_of(db1, {db1});
  view.record->record.epoch = Epoch{4};
  view.history.push_back({Epoch{4}, db1, true, 6, Lsn{150}, Cause::failover});
  State state = knowing(db3, view);
  state.config.databases = {db1, db2, db3};
  state.facts.run = PostgresRun::standby;
  state.facts.upstream = db1;
  hear(state, db1, PostgresRun::primary);
  state.not_receiving_since = state.now - seconds(3);
  const auto stopped = decide(state);
  EXPECT_EQ(stopped.last(), "stop_beyond_fork");
  EXPECT_EQ(stop_and_look(state).last(), "rewind");
}

// ---- standbys that flap ----

TEST(Flaps, a_standby_removed_again_and_again_is_added_later_and_later_up_to_16_seconds) {
  State state = primary();
  for (const int wanted : {2, 4, 8, 16, 16, 16}) {
    const action::SwapRecord swap{SwapPurpose::remove, state.revision(), state.store.record->record, {}};
    action::SwapRecord removal = swap;
    removal.next.members = {db1};
    swap_succeeded(state, removal, Revision{state.revision().value + 1});
    EXPECT_EQ(state.stable_time(db2), seconds(wanted));
    state.store.record->record.members = {db1, db2};
    state.now = state.now + minutes(1);
  }
  EXPECT_EQ(state.stable_time(db3), seconds(2));
  state.now = state.now + minutes(10);
  EXPECT_EQ(state.stable_time(db2), seconds(2));
}

}  // namespace
}  // namespace gemel::core::testing
