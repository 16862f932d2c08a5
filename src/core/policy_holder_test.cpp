// Rules of the holder: from winning to opening (R1, R2, R4), removing and adding members (R2, R3), the history (R10).
#include <gtest/gtest.h>

#include "core/policy_bench.h"

namespace gemel::core::testing {
namespace {

// ---- winning to opening ----

TEST(Policy, writes_the_epoch_down_before_it_promotes) {
  State state = taker();
  EXPECT_EQ(decide(state).last(), "mark_epoch");
  const auto next = end(state, Slot::postgres, Certainty::done);
  EXPECT_EQ(state.facts.served, Epoch{4});
  ASSERT_NE(next.find<action::Promote>(), nullptr);
  EXPECT_EQ(next.find<action::Promote>()->names, NodeSet{db1});  // S - {self}
  EXPECT_EQ(next.find<action::Promote>()->timeline, 8U) << "a number that no other epoch's fork has";
}

// The simulator's seed 245: agent killed, PostgreSQL crashed and promoted again before the gate's time-out had passed.
TEST(Policy, never_promotes_behind_a_gate_that_an_earlier_agent_left_open) {
  State state = taker();
  decide(state);
  const auto next = end(state, Slot::postgres, Certainty::done);
  ASSERT_GE(next.place<action::ShutGate>(), 0);
  EXPECT_LT(next.place<action::ShutGate>(), next.place<action::Promote>());
}

TEST(Policy, does_not_promote_when_the_mark_failed) {
  State state = taker();
  decide(state);
  const auto next = end(state, Slot::postgres, Certainty::unknown);
  EXPECT_EQ(next.find<action::Promote>(), nullptr);
}

TEST(Policy, starts_a_stopped_server_closed_and_following_nobody) {
  State state = taker();
  state.facts.run = PostgresRun::stopped;
  state.facts.served = Epoch{4};
  const auto decided = decide(state);
  ASSERT_NE(decided.find<action::StartPostgres>(), nullptr);
  EXPECT_TRUE(decided.find<action::StartPostgres>()->upstream.empty());
  EXPECT_EQ(decided.find<action::StartPostgres>()->names, NodeSet{db1});
  EXPECT_EQ(decided.find<action::RefreshGate>(), nullptr);
}

State promoted_taker() {
  State state = taker();
  state.facts.served = Epoch{4};
  decide(state);
  end(state, Slot::postgres, Certainty::done, payload::Promoted{6, Lsn{200}});
  return state;
}

TEST(Policy, cuts_the_members_before_it_opens) {
  State state = taker();
  state.facts.served = Epoch{4};
  decide(state);
  const auto decided = end(state, Slot::postgres, Certainty::done, payload::Promoted{6, Lsn{200}});
  const auto* swap = decided.swap(SwapPurpose::cut);
  ASSERT_NE(swap, nullptr);
  EXPECT_EQ(swap->next.members, NodeSet{db2});
  EXPECT_EQ(swap->next.epoch, Epoch{4});
  EXPECT_EQ(decided.find<action::SetNames>(), nullptr);
  EXPECT_EQ(decided.find<action::RefreshGate>(), nullptr);
}

TEST(Policy, opens_after_the_cut_and_relaxes_the_names_beside_it) {
  State state = promoted_taker();
  EXPECT_EQ(state.names, NodeSet{db1});
  const auto after_cut = end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}});
  ASSERT_NE(after_cut.find<action::SetNames>(), nullptr);
  EXPECT_EQ(after_cut.find<action::SetNames>()->names, NodeSet{});
  ASSERT_TRUE(after_cut.fired("open")) << "a longer list makes commits wait and endangers nothing";
  EXPECT_LT(after_cut.place<action::RefreshGate>(), after_cut.place<action::TakeAddress>());
  EXPECT_EQ(after_cut.find<action::TakeAddress>()->epoch, Epoch{4});
}

TEST(Policy, does_not_open_while_the_names_lack_a_member_or_are_not_known) {
  State state = promoted_taker();
  state.names.reset();
  EXPECT_FALSE(end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}}).fired("open"));
  state = promoted_taker();
  state.is_cut = true;
  state.names = NodeSet{};
  EXPECT_FALSE(decide(state).fired("open")) << "S is still both";
}

TEST(Policy, does_not_open_while_the_cut_is_unknown) {
  State state = promoted_taker();
  const auto decided = end(state, Slot::store, Certainty::unknown);
  EXPECT_EQ(decided.find<action::SetNames>(), nullptr);
  EXPECT_EQ(decided.find<action::RefreshGate>(), nullptr);
}

TEST(Policy, does_not_open_when_somebody_speaks_of_a_higher_epoch) {
  State state = promoted_taker();
  hear(state, db1, PostgresRun::primary);
  state.peers[db1].beat.epoch = Epoch{5};
  const auto decided = end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}});
  EXPECT_FALSE(decided.fired("open"));
}

TEST(Policy, wins_a_new_epoch_when_a_promotion_failed) {
  State state = taker();
  state.facts.served = Epoch{4};
  decide(state);
  const auto decided = end(state, Slot::postgres, Certainty::unknown);
  EXPECT_FALSE(state.has_won());
  EXPECT_EQ(decided.find<action::Promote>(), nullptr);
}

// ---- R4 ----

TEST(Policy, claims_a_running_primary_when_the_agent_restarted) {
  State state = primary();
  state.won = state.promoted = state.opened = state.address_epoch = Epoch{};
  state.names.reset();
  const auto decided = decide(state);
  const auto* swap = decided.swap(SwapPurpose::claim);
  ASSERT_NE(swap, nullptr);
  EXPECT_EQ(swap->next.members, state.record()->members);
  EXPECT_EQ(swap->next.epoch, epoch3);
  EXPECT_EQ(decided.find<action::RefreshGate>(), nullptr);
}

TEST(Policy, opens_after_a_claim_only_with_names_set_behind_the_barrier) {
  State state = primary();
  state.won = state.promoted = state.opened = state.address_epoch = Epoch{};
  state.names.reset();
  decide(state);
  const auto claimed = end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}});
  EXPECT_FALSE(claimed.fired("open"));
  ASSERT_NE(claimed.find<action::SetNames>(), nullptr);
  EXPECT_EQ(claimed.find<action::SetNames>()->names, NodeSet{db2});
  EXPECT_TRUE(claimed.find<action::SetNames>()->with_barrier);
  EXPECT_TRUE(end(state, Slot::postgres, Certainty::done, payload::Mark{Lsn{200}}).fired("open"));
}

// Found by the simulator, two hosts: an agent that restarted between promotion and cut opened with a member that lacked
// what had become visible by the end of recovery.
TEST(Policy, cuts_s_after_a_claim_unless_the_history_shows_that_it_opened_before) {
  State state = primary();
  state.won = state.promoted = state.opened = state.address_epoch = Epoch{};
  state.names.reset();
  state.store.history.back().complete = false;
  decide(state);
  const auto claimed = end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}});
  EXPECT_FALSE(claimed.fired("open"));
  ASSERT_NE(claimed.swap(SwapPurpose::cut), nullptr);
}

TEST(Policy, does_not_claim_a_primary_of_another_epoch) {
  State state = primary();
  state.won = state.promoted = state.opened = state.address_epoch = Epoch{};
  state.facts.served = Epoch{2};
  const auto decided = decide(state);
  EXPECT_EQ(decided.find<action::SwapRecord>(), nullptr);
  EXPECT_EQ(decided.last(), "fence");
}

// ---- R2 ----

State primary_with_silent_standby() {
  State state = primary();
  state.now = state.now + ms(400);
  state.facts_at = state.now;
  state.links[db2].progressed = state.now;
  return state;
}

TEST(Policy, removes_a_silent_member_at_t_suspect_and_not_before) {
  State early = primary();
  early.now = early.now + ms(399);
  EXPECT_FALSE(decide(early).fired("remove_member"));
  State state = primary_with_silent_standby();
  const auto decided = decide(state);
  const auto* swap = decided.swap(SwapPurpose::remove);
  ASSERT_NE(swap, nullptr);
  EXPECT_EQ(swap->next.members, NodeSet{db1});
  EXPECT_EQ(swap->expected, Revision{10});
}

TEST(Policy, never_relaxes_the_names_before_the_removal_is_done) {
  State state = primary_with_silent_standby();
  EXPECT_EQ(decide(state).find<action::SetNames>(), nullptr);
  EXPECT_EQ(state.names, NodeSet{db2});
  const auto decided = end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}});
  ASSERT_NE(decided.find<action::SetNames>(), nullptr);
  EXPECT_EQ(decided.find<action::SetNames>()->names, NodeSet{});
  EXPECT_FALSE(decided.find<action::SetNames>()->with_barrier);
}

TEST(Policy, never_relaxes_the_names_on_an_unknown_or_refused_removal) {
  for (const auto certainty : {Certainty::unknown, Certainty::refused}) {
    State state = primary_with_silent_standby();
    decide(state);
    EXPECT_EQ(end(state, Slot::store, certainty).find<action::SetNames>(), nullptr);
    state.now = state.now + ms(10);
    EXPECT_EQ(decide(state).find<action::SetNames>(), nullptr);
    EXPECT_EQ(state.record()->members, (NodeSet{db1, db2}));
  }
}

TEST(Policy, removes_a_member_whose_server_is_down_or_does_not_stream_or_flush) {
  State down = primary();
  hear(down, db2, PostgresRun::stopped);
  EXPECT_TRUE(decide(down).fired("remove_member"));
  State silent = primary();
  silent.links[db2] = LinkState{silent.now - ms(400), false, Lsn{200}, silent.now, Lsn{200}, silent.now, {}};
  EXPECT_TRUE(decide(silent).fired("remove_member"));
  State stuck = primary();
  stuck.links[db2].progressed = stuck.now - ms(800);
  EXPECT_TRUE(decide(stuck).fired("remove_member"));
  State busy = primary();
  busy.links[db2].progressed = busy.now - ms(799);
  EXPECT_FALSE(decide(busy).fired("remove_member"));
}

TEST(Policy, does_not_take_a_late_observation_for_a_dead_link) {
  State state = primary();
  state.links[db2] = LinkState{state.now - ms(100), false, Lsn{200}, state.now - ms(100), Lsn{200}, state.now, {}};
  state.facts_at = state.now;
  state.now = state.now + ms(390);
  state.peers[db2].confirmed = state.now;
  EXPECT_FALSE(decide(state).fired("remove_member"));
}

// ---- R3 ----

State adding() {
  State state = primary({db1});
  decide(state);  // add_member begins
  return state;
}

TEST(Policy, adds_a_standby_only_after_it_streamed_for_t_stable) {
  State state = primary({db1});
  state.links[db2].since = state.now - ms(1999);
  EXPECT_FALSE(decide(state).fired("add_member"));
  state.now = state.now + ms(1);
  EXPECT_TRUE(decide(state).fired("add_member"));
}

void observe_standby(State& state, Lsn flush, Lsn end) {
  state.facts.wal_end = end;
  state.facts.standbys = {{db2, true, flush}};
  hear(state, db2, PostgresRun::standby);
  after(state, event::PostgresSeen{state.facts});
}

TEST(Policy, adds_a_standby_only_when_it_keeps_up_because_commits_will_wait_for_it) {
  State state = primary({db1});
  state.links[db2] = LinkState{state.now - ms(5000), true, Lsn{200}, state.now, Lsn{900}, state.now, std::nullopt};
  // Its flush moves all the time, and never reaches what was written 250 ms before.
  for (std::uint64_t step = 1; step <= 8; ++step) {
    state.now = state.now + ms(250);
    observe_standby(state, Lsn{200 + 50 * step}, Lsn{900 + 50 * step});
    EXPECT_FALSE(state.add) << step;
  }
  // Now it does, although more was written meanwhile.
  state.now = state.now + ms(250);
  observe_standby(state, Lsn{1300}, Lsn{1400});
  state.now = state.now + ms(250);
  observe_standby(state, Lsn{1400}, Lsn{1500});
  ASSERT_TRUE(state.add);
  EXPECT_EQ(state.add->node, db2);
}

TEST(Policy, wants_the_next_look_soon_when_a_flush_did_not_move) {
  State state = primary();
  state.now = state.now + ms(250);
  observe_standby(state, Lsn{200}, Lsn{200});
  EXPECT_FALSE(state.is_waiting_for_flush()) << "nothing to flush";
  state.now = state.now + ms(250);
  observe_standby(state, Lsn{210}, Lsn{300});
  EXPECT_FALSE(state.is_waiting_for_flush()) << "it moves";
  state.now = state.now + ms(250);
  observe_standby(state, Lsn{210}, Lsn{300});
  EXPECT_TRUE(state.is_waiting_for_flush());
}

TEST(Policy, gives_up_an_add_whose_standby_stops_flushing_because_commits_wait_for_it) {
  State state = adding();
  decide(state);  // the names, with the barrier
  end(state, Slot::postgres, Certainty::done, payload::Mark{Lsn{250}});
  state.facts.wal_end = Lsn{250};
  state.facts_at = state.links[db2].progressed + ms(799);
  EXPECT_FALSE(decide(state).fired("abandon_add"));
  state.facts_at = state.links[db2].progressed + ms(800);
  EXPECT_TRUE(decide(state).fired("abandon_add"));
  EXPECT_FALSE(state.add);
  // And not again at once: it must behave for T_stable first.
  state.links[db2].progressed = state.facts_at;
  state.links[db2].caught_up = state.facts_at;
  state.names = NodeSet{};
  state.slots.clear();
  state.now = state.now + ms(1999);
  hear(state, db2, PostgresRun::standby);
  EXPECT_FALSE(decide(state).fired("add_member"));
  state.now = state.now + ms(1);
  EXPECT_TRUE(decide(state).fired("add_member"));
}

TEST(Policy, adds_in_the_order_names_barrier_mark_flush_swap) {
  State state = adding();
  const auto names = decide(state);
  ASSERT_NE(names.find<action::SetNames>(), nullptr);
  EXPECT_EQ(names.find<action::SetNames>()->names, NodeSet{db2});
  EXPECT_TRUE(names.find<action::SetNames>()->with_barrier);
  EXPECT_EQ(names.find<action::SwapRecord>(), nullptr);

  const auto marked = end(state, Slot::postgres, Certainty::done, payload::Mark{Lsn{250}});
  EXPECT_EQ(marked.find<action::SwapRecord>(), nullptr);  // flush is 200

  state.links[db2].flush_lsn = Lsn{249};
  EXPECT_EQ(decide(state).find<action::SwapRecord>(), nullptr);
  state.links[db2].flush_lsn = Lsn{250};
  const auto decided = decide(state);
  const auto* swap = decided.swap(SwapPurpose::add);
  ASSERT_NE(swap, nullptr);
  EXPECT_EQ(swap->next.members, (NodeSet{db1, db2}));
}

State add_sent() {
  State state = adding();
  decide(state);
  state.links[db2].flush_lsn = Lsn{250};
  end(state, Slot::postgres, Certainty::done, payload::Mark{Lsn{250}});
  EXPECT_TRUE(state.pending.has_value());
  return state;
}

TEST(Policy, counts_the_node_for_the_permit_from_the_moment_the_add_is_sent) {
  State state = add_sent();
  EXPECT_EQ(state.record()->members, NodeSet{db1});
  state.now = state.now + ms(500);
  const auto decided = decide(state);
  EXPECT_TRUE(decided.fired("shut_without_permit"));
}

TEST(Policy, keeps_the_names_while_an_add_is_unknown) {
  State state = add_sent();
  const auto decided = end(state, Slot::store, Certainty::unknown);
  EXPECT_EQ(decided.find<action::SetNames>(), nullptr);
  EXPECT_FALSE(decided.fired("abandon_add"));
  EXPECT_EQ(state.names, NodeSet{db2});
  state.now = state.now + std::chrono::seconds(20);
  const auto later = decide(state);
  EXPECT_EQ(later.find<action::SetNames>(), nullptr);
  EXPECT_FALSE(later.fired("abandon_add"));
}

TEST(Policy, abandons_an_add_whose_standby_went_away_and_takes_it_off_the_names) {
  State state = adding();
  decide(state);
  end(state, Slot::postgres, Certainty::done, payload::Mark{Lsn{250}});
  state.now = state.now + ms(400);  // not fresh any more
  const auto decided = decide(state);
  EXPECT_TRUE(decided.fired("abandon_add"));
  ASSERT_NE(decided.find<action::SetNames>(), nullptr);
  EXPECT_EQ(decided.find<action::SetNames>()->names, NodeSet{});
  EXPECT_EQ(decided.find<action::SwapRecord>(), nullptr);
}

TEST(Policy, abandons_an_add_after_15_seconds) {
  State state = adding();
  decide(state);
  end(state, Slot::postgres, Certainty::done, payload::Mark{Lsn{250}});
  state.now = state.now + ms(14'999);
  hear(state, db2, PostgresRun::standby);
  EXPECT_FALSE(decide(state).fired("abandon_add"));
  state.now = state.now + ms(1);
  EXPECT_TRUE(decide(state).fired("abandon_add"));
}

// ---- R10: the source of a rewind ----

TEST(Policy, completes_the_history_only_after_a_checkpoint_while_serving) {
  State state = primary();
  state.is_checkpointed = false;
  state.store.history.back().complete = false;
  const auto first = decide(state);
  EXPECT_NE(first.find<action::Checkpoint>(), nullptr);
  EXPECT_EQ(first.find<action::CompleteHistory>(), nullptr);
  state.fork = payload::Promoted{5, Lsn{100}};
  const auto decided = end(state, Slot::postgres, Certainty::done);
  ASSERT_NE(decided.find<action::CompleteHistory>(), nullptr);
  EXPECT_EQ(decided.find<action::CompleteHistory>()->entry, (HistoryEntry{epoch3, db1, true, 5, Lsn{100}}));
}

}  // namespace
}  // namespace gemel::core::testing
