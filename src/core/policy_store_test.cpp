// What etcd says, and when it must not be believed (R8), or everything must stop (R9): stale answers, another site's
// record, a record that was lost.
#include <gtest/gtest.h>

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
