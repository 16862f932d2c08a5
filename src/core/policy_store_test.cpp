// What etcd says, and when it must not be believed (R8), or everything must stop (R9): stale answers, another site's
// record, a record that was lost.
#include <gtest/gtest.h>

#include "core/controller.h"
#include "core/policy_bench.h"

namespace gemel::core::testing {
namespace {

TEST(Policy, halts_at_a_record_of_another_site_or_another_database) {
  State site = primary();
  site.store.record->record.cluster_id = "another";
  State database = primary();
  database.facts.system_id = "another";
  for (State* state : {&site, &database}) {
    const auto decided = decide(*state);
    EXPECT_EQ(decided.last(), "halt_foreign");
    EXPECT_LT(decided.place<action::ShutGate>(), decided.place<action::KillPostgres>());
    EXPECT_EQ(decided.output.notes.front().level, NoteLevel::error);
  }
}

TEST(Policy, halts_when_the_record_is_gone_or_older_than_what_was_served) {
  State gone = primary();
  gone.store.record.reset();
  EXPECT_EQ(decide(gone).last(), "halt_regressed");
  State older = primary();
  older.facts.served = Epoch{4};
  const auto decided = decide(older);
  EXPECT_EQ(decided.last(), "halt_regressed");
  EXPECT_NE(decided.find<action::KillPostgres>(), nullptr);
}

TEST(Policy, a_holder_that_reads_an_older_record_asks_with_a_transaction_whether_its_own_is_still_there) {
  State state = primary();
  adopt(state, record_of(db1, {db1, db2}, 9));
  const auto asked = decide(state);
  ASSERT_NE(asked.swap(SwapPurpose::confirm), nullptr);
  EXPECT_EQ(asked.swap(SwapPurpose::confirm)->expected, Revision{10});
  EXPECT_EQ(asked.swap(SwapPurpose::confirm)->next.members, (NodeSet{db1, db2}));
  EXPECT_EQ(asked.last(), "serve") << "a read may be stale";
  const auto confirmed = end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}});
  EXPECT_EQ(confirmed.last(), "serve");
  EXPECT_EQ(confirmed.swap(SwapPurpose::confirm), nullptr);
}

TEST(Policy, who_is_not_the_holder_asks_when_only_an_older_record_was_read_for_3_s) {
  State state = standby();
  adopt(state, record_of(db1, {db1, db2}, 9));
  state.now = state.now + ms(2999);
  EXPECT_EQ(decide(state).swap(SwapPurpose::confirm), nullptr);
  state.now = state.now + ms(1);
  adopt(state, record_of(db1, {db1, db2}, 9));
  EXPECT_NE(decide(state).swap(SwapPurpose::confirm), nullptr);
  State fresh = standby();
  adopt(fresh, record_of(db1, {db1, db2}, 9));
  adopt(fresh, record_of(db1, {db1, db2}, 10));
  fresh.now = fresh.now + ms(3000);
  EXPECT_EQ(decide(fresh).swap(SwapPurpose::confirm), nullptr);
}

TEST(Policy, halts_when_a_refusal_shows_that_etcd_lost_its_record) {
  State state = primary();
  adopt(state, record_of(db1, {db1, db2}, 9));
  decide(state);
  const auto halted = end(state, Slot::store, Certainty::refused, record_of(db1, {db1, db2}, 9));
  EXPECT_EQ(halted.last(), "halt_regressed");
  EXPECT_NE(halted.find<action::ShutGate>(), nullptr);
  EXPECT_NE(halted.find<action::KillPostgres>(), nullptr);
  // Whatever is written there from now on: only the record that is known ends it.
  adopt(state, record_of(db2, {db2}, 15));
  EXPECT_EQ(decide(state).last(), "halt_regressed");
  adopt(state, record_of(db1, {db1, db2}, 10));
  EXPECT_NE(decide(state).last(), "halt_regressed");
}

TEST(Policy, halts_when_another_record_has_the_revision_of_the_one_that_is_known) {
  State state = standby();
  StoreView other = record_of(db1, {db1, db2}, 10);
  other.record->record.token = "another";
  adopt(state, other);
  EXPECT_EQ(decide(state).last(), "halt_regressed");
}

// The simulator's seed 1822 with a restored store: the revision was counted up again to the very same number.
TEST(Policy, halts_when_the_history_of_the_epoch_it_won_is_gone) {
  State state = primary();
  StoreView view = state.store;
  view.history.clear();
  adopt(state, view);
  EXPECT_EQ(decide(state).last(), "halt_regressed");
}

/// `peer` spoke of `epoch` just now.
void hear_epoch(State& state, const NodeId& peer, Epoch epoch) {
  Beat beat = state.peers[peer].beat;
  beat.epoch = epoch;
  Output output;
  apply(state, Heard{peer, beat, std::nullopt, {}}, output);
}

// The simulator's seed 994743: etcd was restored while the holder of the lost epoch was away; the others had heard of
// it.
TEST(Policy, asks_with_a_transaction_for_an_epoch_that_is_spoken_of_and_not_there) {
  State state = standby();
  hear_epoch(state, db1, Epoch{4});
  state.now = state.now + ms(2999);
  EXPECT_EQ(decide(state).swap(SwapPurpose::confirm), nullptr);
  state.now = state.now + ms(1);
  ASSERT_NE(decide(state).swap(SwapPurpose::confirm), nullptr);
  const auto halted = end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}});
  EXPECT_EQ(halted.last(), "halt_regressed");
  EXPECT_NE(halted.find<action::KillPostgres>(), nullptr);
  // It speaks of the lost epoch, so that whoever serves by the older record asks, too.
  Controller controller(state);
  controller.step({state.now, event::Tick{}});
  ASSERT_TRUE(controller.state().said);
  EXPECT_EQ(controller.state().said->epoch, Epoch{4});
  EXPECT_EQ(controller.state().said->holder, NodeId{});
  // What it wrote is read back: that changes nothing. A record of that epoch or a higher one ends it.
  const StoreView written = state.store;
  adopt(state, written);
  EXPECT_EQ(decide(state).last(), "halt_regressed");
  StoreView later = record_of(db1, {db1, db2}, 12);
  later.record->record.epoch = Epoch{5};
  adopt(state, later);
  EXPECT_NE(decide(state).last(), "halt_regressed");
}

TEST(Policy, proves_nothing_by_a_transaction_that_was_sent_before_the_epoch_was_heard_of) {
  State state = standby();
  hear_epoch(state, db1, Epoch{4});
  state.now = state.now + ms(3000);
  ASSERT_NE(decide(state).swap(SwapPurpose::confirm), nullptr);
  state.now = state.now + ms(1);
  hear_epoch(state, db1, Epoch{5});
  EXPECT_NE(end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}}).last(), "halt_regressed");
}

TEST(Policy, halts_the_primary_that_hears_of_an_epoch_etcd_has_lost) {
  State state = primary();
  hear(state, db2, PostgresRun::standby);
  hear_epoch(state, db2, Epoch{4});
  const auto shut = decide(state);
  EXPECT_NE(shut.find<action::ShutGate>(), nullptr);
  EXPECT_EQ(shut.find<action::KillPostgres>(), nullptr);
  state.now = state.now + ms(3000);
  ASSERT_NE(decide(state).swap(SwapPurpose::confirm), nullptr);
  EXPECT_EQ(end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}}).last(), "halt_regressed");
}

TEST(Policy, does_not_bid_below_an_epoch_that_was_spoken_of) {
  for (const bool is_heard : {false, true}) {
    State state = standby();
    if (is_heard) hear_epoch(state, db1, Epoch{4});
    state.peers.clear();
    state.now = state.now + ms(650);
    state.store_read_at = state.now;
    state.is_quiesced = true;
    EXPECT_EQ(decide(state).swap(SwapPurpose::bid) == nullptr, is_heard);
  }
}

TEST(Policy, halts_when_the_epoch_that_was_served_here_belongs_to_another) {
  State state = standby({db1});
  state.facts.served = epoch3;
  EXPECT_EQ(decide(state).last(), "halt_regressed");
}

// The simulator's seed 2057: one stale answer halted the host for ever, because nothing was read any more.
TEST(Policy, reads_again_while_it_halts_because_the_answer_may_have_been_stale) {
  State state = primary();
  state.facts.served = Epoch{4};
  state.store_read_at = state.now - ms(999);
  EXPECT_EQ(decide(state).find<action::ReadStore>(), nullptr);
  state.store_read_at = state.now - ms(1000);
  EXPECT_NE(decide(state).find<action::ReadStore>(), nullptr);
}

// The simulator's seed 7072: an add shortened the permit, the gate kept its old time-out, and the agent ended.
TEST(Policy, never_takes_the_refusal_of_a_repeated_swap_for_the_outcome_of_the_first) {
  State state = primary({db1});
  state.add = AddProcedure{db2, state.now, Lsn{150}};
  state.names = NodeSet{db2};
  const auto sent = decide(state);
  ASSERT_NE(sent.swap(SwapPurpose::add), nullptr);
  end(state, Slot::store, Certainty::unknown);
  state.now = state.now + ms(200);
  hear(state, db2, PostgresRun::standby);
  ASSERT_NE(decide(state).swap(SwapPurpose::add), nullptr);
  const auto refused = end(state, Slot::store, Certainty::refused);
  ASSERT_TRUE(state.pending);
  const auto* names = refused.find<action::SetNames>();
  EXPECT_TRUE(names == nullptr || names->names == NodeSet{db2});
}

TEST(Policy, never_takes_silence_of_the_store_for_a_missing_record) {
  State state = primary();
  state.is_store_known = false;
  state.store.record.reset();
  EXPECT_NE(decide(state).last(), "halt_regressed");
}

}  // namespace
}  // namespace gemel::core::testing
