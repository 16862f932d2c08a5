// Rules of everybody else: who may bid and when (R1, R6, R7), unknown outcomes and the first record (R8, bootstrap).
#include <gtest/gtest.h>

#include "core/controller.h"
#include "core/policy_bench.h"

namespace gemel::core::testing {
namespace {

// ---- R1, R6, R7 ----

/// db2 after the grace period, its heartbeats quiesced.
State ready_to_bid(NodeSet members = {db1, db2}) {
  State state = standby(std::move(members));
  state.now = state.now + ms(650);
  state.store_read_at = state.now;
  state.is_quiesced = true;
  return state;
}

TEST(Policy, bids_with_the_next_epoch_and_leaves_s_unchanged) {
  State state = ready_to_bid();
  const auto decided = decide(state);
  const auto* swap = decided.swap(SwapPurpose::bid);
  ASSERT_NE(swap, nullptr);
  EXPECT_EQ(swap->next.epoch, Epoch{4});
  EXPECT_EQ(swap->next.holder, db2);
  EXPECT_EQ(swap->next.members, (NodeSet{db1, db2}));
  EXPECT_EQ(swap->expected, Revision{10});
  EXPECT_NE(swap->next.token, state.record()->token);
  ASSERT_TRUE(swap->history.has_value());
  EXPECT_EQ(*swap->history, (HistoryEntry{Epoch{4}, db2, false, 0, {}, Cause::failover}));
}

TEST(Policy, never_bids_outside_of_s) {
  State state = ready_to_bid({db1});
  state.now = state.now + std::chrono::hours(1);
  state.store_read_at = state.now;
  const auto decided = decide(state);
  EXPECT_EQ(decided.find<action::SwapRecord>(), nullptr);
  EXPECT_FALSE(decided.fired("quiesce"));
}

TEST(Policy, never_bids_while_paused) {
  State state = ready_to_bid();
  pause_by_another(state);
  state.now = state.now + std::chrono::minutes(12);  // of 10
  state.store_read_at = state.now;
  EXPECT_EQ(decide(state).find<action::SwapRecord>(), nullptr);
}

TEST(Policy, does_not_bid_before_t_grace) {
  State state = standby();
  state.now = state.now + ms(649);
  state.store_read_at = state.now;
  EXPECT_FALSE(decide(state).fired("quiesce"));
  state.now = state.now + ms(1);
  EXPECT_EQ(decide(state).last(), "quiesce");
}

TEST(Policy, the_answer_of_quiesce_restarts_the_count) {
  State state = standby();
  state.now = state.now + ms(650);
  state.store_read_at = state.now;
  decide(state);
  const TimePoint confirmed = state.now - ms(100);  // one had left meanwhile
  const auto decided = end(state, Slot::heartbeat, Certainty::done, payload::LastConfirmation{confirmed});
  EXPECT_EQ(decided.find<action::SwapRecord>(), nullptr);
  EXPECT_TRUE(decided.fired("resume_heartbeat"));
  state.now = confirmed + ms(649);
  EXPECT_FALSE(decide(state).fired("quiesce"));
}

TEST(Policy, bids_at_once_when_quiesce_brings_no_newer_confirmation) {
  State state = standby();
  const TimePoint confirmed = state.now;
  state.now = state.now + ms(650);
  state.store_read_at = state.now;
  decide(state);
  const auto decided = end(state, Slot::heartbeat, Certainty::done, payload::LastConfirmation{confirmed});
  EXPECT_NE(decided.swap(SwapPurpose::bid), nullptr);
}

TEST(Policy, every_confirmation_restarts_the_count) {
  State state = standby();
  state.now = state.now + ms(640);
  Heard heard{db1, state.peers[db1].beat, std::nullopt, state.now - ms(5)};
  after(state, heard);
  state.now = state.now + ms(100);
  EXPECT_FALSE(decide(state).fired("quiesce"));
}

TEST(Policy, news_of_a_while_ago_do_not_make_a_peer_heard) {
  State state = standby();
  state.now = state.now + ms(500);
  Heard heard{db1, state.peers[db1].beat, std::nullopt, TimePoint{}, ms(399)};
  after(state, heard);
  EXPECT_TRUE(state.is_heard(db1));
  EXPECT_EQ(state.peers[db1].heard_at, state.now - ms(399));
  heard.age = ms(450);
  after(state, heard);
  EXPECT_EQ(state.peers[db1].heard_at, state.now - ms(399)) << "never goes back";
}

TEST(Policy, a_host_at_rest_looks_less_often) {
  const Rule wait[] = {
      {"wait", "", "always", "wait", false, [](const State&) { return true; }, [](State&, Decision&) {}}};
  Controller controller(db2, bench_config(), 1, wait);
  event::PostgresSeen seen;
  seen.facts.run = PostgresRun::standby;
  EXPECT_EQ(controller.step({TimePoint{ms(1000)}, seen}).wake_at, TimePoint{ms(1050)}) << "it receives from nobody";
  seen.facts.is_receiving = true;
  EXPECT_EQ(controller.step({TimePoint{ms(1010)}, seen}).wake_at, TimePoint{ms(1135)});
}

TEST(Policy, a_stalled_loop_and_a_new_epoch_restart_the_count) {
  Controller controller(db2, bench_config(), 1);
  controller.step({TimePoint{ms(1000)}, event::Tick{}});
  EXPECT_EQ(controller.state().count_start, TimePoint{ms(1000)});  // a start counts as a confirmation
  controller.step({TimePoint{ms(1100)}, event::Tick{}});
  EXPECT_EQ(controller.state().count_start, TimePoint{ms(1000)});
  controller.step({TimePoint{ms(1300)}, event::Tick{}});
  EXPECT_EQ(controller.state().count_start, TimePoint{ms(1000)});
  controller.step({TimePoint{ms(1501)}, event::Tick{}});
  EXPECT_EQ(controller.state().count_start, TimePoint{ms(1501)});
  State state = ready_to_bid();
  StoreView view = record_of(db1, {db1, db2}, 11);
  view.record->record.epoch = Epoch{4};
  adopt(state, view);
  EXPECT_EQ(state.count_start, state.now);
  EXPECT_EQ(decide(state).find<action::SwapRecord>(), nullptr);
}

State seen_resigned(const char* preferred) {
  State state = standby();
  StoreView view = record_of(db1, {db1, db2}, 11);
  view.record->record.state = RecordState::resigned;
  view.record->record.preferred = NodeId{preferred};
  adopt(state, view);
  return state;
}

TEST(Policy, a_resignation_lets_a_member_bid_at_once) {
  for (const char* preferred : {"", "db2"}) {
    State state = seen_resigned(preferred);
    EXPECT_EQ(decide(state).last(), "quiesce");
    EXPECT_NE(end(state, Slot::heartbeat, Certainty::done, payload::LastConfirmation{state.now}).swap(SwapPurpose::bid),
              nullptr);
  }
}

TEST(Policy, who_is_not_preferred_waits_for_t_promote) {
  State state = seen_resigned("db1");
  EXPECT_FALSE(decide(state).fired("quiesce"));
  state.now = state.now + ms(4999);
  state.store_read_at = state.now;
  EXPECT_FALSE(decide(state).fired("quiesce"));
  state.now = state.now + ms(1);
  state.store_read_at = state.now;
  EXPECT_EQ(decide(state).last(), "quiesce");
}

/// db2 is named as the holder, db1 is primary of the epoch before; `served` is what db2's directory knows.
State named(Epoch served) {
  StoreView view = record_of(db2, {db1, db2});
  view.record->record.epoch = Epoch{4};
  view.history.push_back(HistoryEntry{Epoch{4}, db2, false, 0, {}});
  State state = knowing(db2, view);
  state.facts.run = PostgresRun::standby;
  state.facts.served = served;
  state.is_quiesced = true;
  return state;
}

// Found by the simulator, two hosts: a bid arrived after the agent that had sent it was replaced by one that confirmed
// heartbeats of the old holder again. It took over at once, and two gates were open.
TEST(Policy, never_takes_up_a_late_bid_of_an_earlier_run_before_t_grace) {
  State early = named(Epoch{});
  early.now = early.now + ms(649);
  EXPECT_FALSE(decide(early).fired("bid"));
  State late = named(Epoch{});
  late.now = late.now + ms(650);
  EXPECT_TRUE(decide(late).fired("bid"));
  State known = named(Epoch{4});  // it had won for certain: nobody else was confirmed since
  EXPECT_TRUE(decide(known).fired("bid"));
}

TEST(Policy, never_resigns_for_a_late_bid_of_an_earlier_run_before_t_grace) {
  State state = named(Epoch{});
  state.facts.run = PostgresRun::stopped;
  hear(state, db1, PostgresRun::standby);
  EXPECT_FALSE(decide(state).fired("resign_crashed"));
  state.now = state.now + ms(650);
  hear(state, db1, PostgresRun::standby);
  EXPECT_TRUE(decide(state).fired("resign_crashed"));
}

// Found by the simulator, three hosts: a named holder with a running standby neither bid nor resigned, for ever.
TEST(Policy, a_named_holder_whose_standby_runs_bids_although_there_is_a_successor) {
  State state = named(Epoch{4});
  hear(state, db1, PostgresRun::standby);
  EXPECT_TRUE(decide(state).fired("bid"));
}

TEST(Policy, a_member_without_a_usable_server_does_not_bid) {
  for (const auto run : {PostgresRun::absent, PostgresRun::ruined, PostgresRun::starting, PostgresRun::unknown}) {
    State state = ready_to_bid();
    state.facts.run = run;
    EXPECT_EQ(decide(state).find<action::SwapRecord>(), nullptr) << to_string(run);
  }
}

TEST(Policy, heartbeats_are_confirmed_again_when_no_bid_is_open_and_never_of_a_lower_epoch) {
  State state = ready_to_bid();
  decide(state);
  EXPECT_TRUE(state.is_quiesced);  // while the bid is open
  StoreView view = record_of(db1, {db1}, 11);
  view.record->record.epoch = Epoch{5};
  const auto decided = end(state, Slot::store, Certainty::refused, view);
  ASSERT_NE(decided.find<action::ResumeHeartbeat>(), nullptr);
  EXPECT_EQ(decided.find<action::ResumeHeartbeat>()->lowest, Epoch{5});
}

// ---- R8 ----

State with_unknown_bid() {
  State state = ready_to_bid();
  decide(state);
  end(state, Slot::store, Certainty::unknown);
  return state;
}

TEST(Policy, an_unknown_transaction_is_sent_again_with_the_same_token) {
  State state = with_unknown_bid();
  const auto token = state.pending->swap.next.token;
  EXPECT_TRUE(decide(state).output.start.empty());  // not at once
  state.now = state.store_retry_at;
  const auto decided = decide(state);
  EXPECT_EQ(decided.rules.front(), "resolve_unknown");
  ASSERT_NE(decided.swap(SwapPurpose::bid), nullptr);
  EXPECT_EQ(decided.swap(SwapPurpose::bid)->next.token, token);
  EXPECT_FALSE(state.has_won());
}

TEST(Policy, nothing_else_is_written_while_an_outcome_is_unknown) {
  State state = with_unknown_bid();
  state.now = state.store_retry_at;
  EXPECT_EQ(decide(state).swap(SwapPurpose::bid)->expected, Revision{10});
  end(state, Slot::store, Certainty::unknown);
  EXPECT_EQ(decide(state).find<action::ReadStore>(), nullptr);
}

TEST(Policy, its_own_token_resolves_an_unknown_outcome_as_done) {
  State state = with_unknown_bid();
  StoreView view = state.store;
  view.record = VersionedRecord{state.pending->swap.next, Revision{11}};
  adopt(state, view);
  EXPECT_TRUE(state.has_won());
  EXPECT_FALSE(state.pending.has_value());
}

TEST(Policy, a_later_revision_without_the_token_resolves_it_as_failed) {
  State state = with_unknown_bid();
  adopt(state, record_of(db1, {db1}, 11));
  EXPECT_FALSE(state.pending.has_value());
  EXPECT_FALSE(state.has_won());
}

TEST(Policy, the_same_or_an_older_revision_resolves_nothing) {
  State state = with_unknown_bid();
  adopt(state, record_of(db1, {db1, db2}, 10));
  EXPECT_TRUE(state.pending.has_value());
  adopt(state, record_of(db2, {db2}, 9));  // a stale read
  EXPECT_TRUE(state.pending.has_value());
  EXPECT_EQ(state.record()->holder, db1);
}

TEST(Policy, reads_the_record_on_a_hint_and_now_and_then) {
  State hinted = standby();
  EXPECT_NE(after(hinted, event::StoreHint{Revision{11}, std::nullopt}).find<action::ReadStore>(), nullptr);
  State idle = standby();
  EXPECT_EQ(decide(idle).find<action::ReadStore>(), nullptr);
  idle.store_read_at = idle.now - std::chrono::seconds(2);
  EXPECT_NE(decide(idle).find<action::ReadStore>(), nullptr);
}

// ---- bootstrap ----

State empty_site(const NodeId& self) {
  State state = blank(self);
  state.facts.run = PostgresRun::absent;
  adopt(state, StoreView{});
  return state;
}

TEST(Policy, only_the_bootstrapper_creates_the_site) {
  State other = empty_site(db2);
  const auto decided = decide(other);
  EXPECT_EQ(decided.last(), "wait_for_record");
  EXPECT_TRUE(decided.output.start.empty());

  State first = empty_site(db1);
  EXPECT_NE(decide(first).find<action::ClaimIntent>(), nullptr);
  EXPECT_NE(end(first, Slot::store, Certainty::done, payload::IntentOwner{"db1"}).find<action::Bootstrap>(), nullptr);
  first.facts.system_id = "system";
  end(first, Slot::postgres, Certainty::done);
  first.facts.run = PostgresRun::stopped;
  first.facts.bootstrap_pending = true;
  const auto last = decide(first);
  const auto* swap = last.swap(SwapPurpose::create);
  ASSERT_NE(swap, nullptr);
  EXPECT_EQ(swap->expected, Revision{0});
  EXPECT_EQ(swap->next.epoch, Epoch{1});
  EXPECT_EQ(swap->next.members, NodeSet{db1});
  EXPECT_EQ(swap->next.system_id, "system");
}

TEST(Policy, a_bootstrapper_whose_intent_belongs_to_another_creates_nothing) {
  State state = empty_site(db1);
  decide(state);
  const auto decided = end(state, Slot::store, Certainty::done, payload::IntentOwner{"db2"});
  EXPECT_EQ(decided.find<action::Bootstrap>(), nullptr);
}

TEST(Policy, never_bootstraps_over_data_or_before_the_store_answered) {
  State data = empty_site(db1);
  data.facts.run = PostgresRun::stopped;
  EXPECT_TRUE(decide(data).output.start.empty());
  State deaf = blank(db1);
  deaf.facts.run = PostgresRun::absent;
  EXPECT_EQ(decide(deaf).last(), "observe");
}

}  // namespace
}  // namespace gemel::core::testing
