// Taking over by force, the damping of crashes and of a lost service side, a gate that cannot be shut, etcd restored
// from an old copy.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/controller.h"
#include "core/policy_bench.h"

namespace gemel::core::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// ---- force ----

/// db2, not in S, db1 silent for long; etcd answered just now.
State left_alone() {
  State state = standby({db1});
  state.record_since = state.now - minutes(1);
  state.now = state.now + seconds(30);
  state.store_read_at = state.now;
  return state;
}

Answer force(State& state, bool is_confirmed) {
  return after(state, event::ForceAsked{3, "ann", is_confirmed}).output.answers.at(0);
}

TEST(Force, reports_what_may_be_lost_before_it_does_anything) {
  State state = left_alone();
  state.peers[db1].beat.wal_end = Lsn{1200};
  const Answer answer = force(state, false);
  EXPECT_FALSE(answer.accepted);
  EXPECT_EQ(answer.reason, "needs_confirmation");
  EXPECT_TRUE(answer.text.contains("1000 bytes")) << answer.text;
  EXPECT_EQ(decide(state).find<action::SwapRecord>(), nullptr);
  state.peers.clear();
  EXPECT_TRUE(force(state, false).text.contains("unknown"));
}

TEST(Force, takes_over_with_an_epoch_that_the_history_marks) {
  State state = left_alone();
  const auto decided = after(state, event::ForceAsked{3, "ann", true});
  EXPECT_TRUE(decided.output.answers.at(0).accepted);
  const auto* swap = decided.swap(SwapPurpose::force);
  ASSERT_NE(swap, nullptr);
  EXPECT_EQ(swap->next.epoch, Epoch{4});
  EXPECT_EQ(swap->next.holder, db2);
  EXPECT_EQ(swap->next.members, NodeSet{db2});
  EXPECT_EQ(swap->next.state, RecordState::normal);
  EXPECT_EQ(*swap->history, (HistoryEntry{Epoch{4}, db2, false, 0, {}, Cause::force}));
  EXPECT_EQ(end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}}).last(), "mark_epoch");
}

TEST(Force, is_refused_with_the_reason) {
  const auto reason = [](auto change) {
    State state = left_alone();
    change(state);
    const std::string found = force(state, true).reason;
    EXPECT_TRUE(found.empty() || !state.force_wish.has_value());
    return found;
  };
  EXPECT_EQ(reason([](State&) {}), "");
  EXPECT_EQ(reason([](State& s) { s.store.record.reset(); }), "no_record");
  EXPECT_EQ(reason([](State& s) { s.store.record->record.holder = db2; }), "is_holder");
  EXPECT_EQ(reason([](State& s) { s.store.record->record.members.insert(db2); }), "is_member");
  EXPECT_EQ(reason([](State& s) { s.facts.run = PostgresRun::ruined; }), "no_data");
  EXPECT_EQ(reason([](State& s) { s.facts.system_id = "another"; }), "wrong_database");
  EXPECT_EQ(reason([](State& s) { s.is_crash_unclean = true; }), "busy");
  EXPECT_EQ(reason([](State& s) { s.peers[db1].heard_at = s.now - ms(650); }), "holder_alive");
  EXPECT_EQ(reason([](State& s) { s.store_read_at = s.now - seconds(4); }), "store_unknown");
  EXPECT_EQ(reason([](State& s) { s.record_since = s.now - ms(650); }), "record_changing");
  EXPECT_EQ(reason([](State& s) { s.is_stopping = true; }), "stopping");
}

TEST(Force, is_dropped_when_the_record_changed_since_the_report) {
  State state = left_alone();
  state.slots.emplace(Slot::heartbeat, InFlight{ActionId{77}, action::QuiesceHeartbeat{}});
  state.store_retry_at = state.now + seconds(1);
  after(state, event::ForceAsked{3, "ann", true});
  ASSERT_TRUE(state.force_wish.has_value());
  adopt(state, record_of(db1, {db1}, 12));
  state.store_retry_at = TimePoint{};
  EXPECT_EQ(decide(state).swap(SwapPurpose::force), nullptr);
  EXPECT_FALSE(state.force_wish.has_value());
}

// ---- damping ----

/// Epochs 2 … 1 + `count`, each a take-over for `cause` that this run saw.
void add_take_overs(State& state, int count, Cause cause) {
  StoreView& store = state.store;
  store.history.clear();
  for (int index = 0; index <= count; ++index) {
    const Epoch epoch{static_cast<std::uint64_t>(index) + 1};
    store.history.push_back({epoch, index % 2 == 0 ? db2 : db1, true, 5, Lsn{100}, index == 0 ? Cause::first : cause});
    state.learnt[epoch] = state.now;
  }
}

Decided crash(State& state) {
  after(state, event::PostgresExited{});
  return end(state, Slot::postgres, Certainty::done);
}

TEST(Damping, restarts_locally_after_two_take_overs_for_crashes) {
  State once = primary();
  add_take_overs(once, 1, Cause::crash);
  EXPECT_NE(crash(once).swap(SwapPurpose::resign), nullptr);
  State twice = primary();
  add_take_overs(twice, 2, Cause::crash);
  const auto decided = crash(twice);
  EXPECT_EQ(decided.swap(SwapPurpose::resign), nullptr);
  EXPECT_EQ(decided.last(), "quiesce");  // on the way to an epoch of its own
}

TEST(Damping, forgets_take_overs_after_ten_minutes_and_counts_no_others) {
  State old = primary();
  add_take_overs(old, 2, Cause::crash);
  for (auto& [epoch, seen] : old.learnt) seen = old.now - minutes(10) - ms(1);
  EXPECT_NE(crash(old).swap(SwapPurpose::resign), nullptr);
  State planned = primary();
  add_take_overs(planned, 4, Cause::switchover);
  EXPECT_NE(crash(planned).swap(SwapPurpose::resign), nullptr);
  State unseen = primary();  // what was there before this run began
  add_take_overs(unseen, 4, Cause::crash);
  unseen.learnt.clear();
  EXPECT_NE(crash(unseen).swap(SwapPurpose::resign), nullptr);
}

TEST(Damping, an_epoch_counts_from_when_this_run_saw_it_begin) {
  State state = primary();
  StoreView view = record_of(db1, {db1, db2}, 11);
  view.history.push_back({Epoch{4}, db2, false, 0, {}, Cause::crash});
  adopt(state, view);
  EXPECT_EQ(state.learnt, (std::map<Epoch, TimePoint>{{Epoch{4}, state.now}}));
  EXPECT_EQ(state.take_overs(Cause::crash, minutes(10)), 1);
  State fresh = blank(db1);
  adopt(fresh, view);
  EXPECT_TRUE(fresh.learnt.empty());
}

TEST(Damping, the_cause_goes_from_the_resignation_into_the_history) {
  State state = standby();
  state.store.record->record.state = RecordState::resigned;
  state.store.record->record.cause = Cause::sick;
  state.is_quiesced = true;
  const auto decided = decide(state);
  ASSERT_NE(decided.swap(SwapPurpose::bid), nullptr);
  EXPECT_EQ(decided.swap(SwapPurpose::bid)->history->cause, Cause::sick);
  EXPECT_EQ(decided.swap(SwapPurpose::bid)->next.cause, Cause::none);
  State crashed = primary();
  const auto resigned = crash(crashed);
  ASSERT_NE(resigned.swap(SwapPurpose::resign), nullptr);
  EXPECT_EQ(resigned.swap(SwapPurpose::resign)->next.cause, Cause::crash);
}

// ---- service side ----

/// db1 reaches one of three for 2 s, db2 reaches two of three for 2 s; etcd answered db1 meanwhile.
State cut_from_clients() {
  State state = primary();
  after(state, event::ServiceSeen{1, 3});
  Beat beat = state.peers[db2].beat;
  beat.service_reachable = 2;
  beat.service_total = 3;
  after(state, Heard{db2, beat, state.now, TimePoint{}});
  state.now = state.now + seconds(2);
  state.store_read_at = state.now;
  state.facts_at = state.links[db2].progressed = state.now;
  after(state, Heard{db2, beat, state.now, TimePoint{}});
  return state;
}

TEST(Service, hands_over_when_clients_reach_only_the_successor) {
  State state = cut_from_clients();
  ASSERT_TRUE(state.hand_over.has_value());
  EXPECT_EQ(state.hand_over->to, db2);
  EXPECT_EQ(state.hand_over->cause, Cause::service);
  EXPECT_TRUE(state.is_serving());  // a checkpoint first
}

TEST(Service, does_nothing_too_early_or_blind_or_without_targets) {
  const auto yields = [](event::ServiceSeen own, event::ServiceSeen other, Duration wait) {
    State state = primary();
    after(state, own);
    Beat beat = state.peers[db2].beat;
    beat.service_reachable = other.reachable;
    beat.service_total = other.total;
    after(state, Heard{db2, beat, state.now, TimePoint{}});
    state.now = state.now + wait;
    state.facts_at = state.links[db2].progressed = state.now;
    state.store_read_at = state.now;
    after(state, Heard{db2, beat, state.now, TimePoint{}});
    return state.hand_over.has_value();
  };
  EXPECT_TRUE(yields({0, 2}, {2, 2}, seconds(2)));
  EXPECT_TRUE(yields({0, 1}, {1, 1}, seconds(2)));
  EXPECT_TRUE(yields({1, 3}, {2, 3}, seconds(2)));
  EXPECT_FALSE(yields({0, 2}, {2, 2}, ms(1999)));
  EXPECT_FALSE(yields({1, 2}, {2, 2}, seconds(2)));
  EXPECT_FALSE(yields({2, 3}, {3, 3}, seconds(2)));
  EXPECT_FALSE(yields({0, 2}, {1, 2}, seconds(2)));
  EXPECT_FALSE(yields({0, 2}, {0, 2}, seconds(2)));
  EXPECT_FALSE(yields({0, 0}, {2, 2}, seconds(2)));
  EXPECT_FALSE(yields({0, 2}, {2, 2}, ms(3001)));  // the own look is too old
}

TEST(Service, does_not_stop_what_it_could_not_resign_from) {
  State state = primary();
  after(state, event::ServiceSeen{0, 3});
  Beat beat = state.peers[db2].beat;
  beat.service_reachable = beat.service_total = 3;
  after(state, Heard{db2, beat, state.now, TimePoint{}});
  state.store_read_at = state.now - ms(1);
  state.now = state.now + seconds(2);
  state.facts_at = state.links[db2].progressed = state.now;
  after(state, Heard{db2, beat, state.now, TimePoint{}});
  EXPECT_FALSE(state.hand_over.has_value()) << "etcd has not answered since the targets were lost";
  state.store_read_at = state.now;
  after(state, Heard{db2, beat, state.now, TimePoint{}});
  EXPECT_TRUE(state.hand_over.has_value());
}

TEST(Service, counts_from_when_the_minority_began) {
  State state = primary();
  after(state, event::ServiceSeen{3, 3});
  state.now = state.now + seconds(1);
  after(state, event::ServiceSeen{1, 3});
  const TimePoint since = state.now;
  state.now = state.now + seconds(1);
  after(state, event::ServiceSeen{0, 3});
  EXPECT_EQ(state.service.since, since);
  after(state, event::ServiceSeen{2, 3});
  EXPECT_EQ(state.service.since, state.now);
}

TEST(Service, is_damped_for_a_minute) {
  State state = primary();
  add_take_overs(state, 1, Cause::service);
  after(state, event::ServiceSeen{0, 2});
  hear(state, db2, PostgresRun::standby);
  state.peers[db2].beat.service_reachable = state.peers[db2].beat.service_total = 1;
  state.peers[db2].service_since = state.now;
  state.now = state.now + ms(2500);
  state.facts_at = state.links[db2].progressed = state.now;
  state.peers[db2].confirmed = state.peers[db2].heard_at = state.now;
  EXPECT_FALSE(decide(state).fired("yield_service"));
  state.learnt[Epoch{2}] = state.now - minutes(1) - ms(1);
  EXPECT_TRUE(decide(state).fired("yield_service"));
}

// ---- a gate that cannot be shut ----

TEST(Gate, a_resignation_with_postgresql_running_waits_until_the_gate_has_ended_by_itself) {
  State state = primary();
  after(state, event::GateFailed{state.now + ms(400)});
  state.facts.write_probe_age = ms(3000);
  decide(state);
  EXPECT_EQ(decide(state).swap(SwapPurpose::resign), nullptr);
  state.now = state.now + ms(400);
  hear(state, db2, PostgresRun::standby);
  EXPECT_NE(decide(state).swap(SwapPurpose::resign), nullptr);
}

TEST(Gate, a_resignation_with_postgresql_running_is_sent_a_step_after_the_gate_was_told_to_shut) {
  State state = primary();
  state.facts.write_probe_age = ms(3000);
  Controller controller(state);
  const auto shutting = controller.step({state.now, event::Tick{}});
  const auto is_swap = [](const Action& action) { return std::holds_alternative<action::SwapRecord>(action.kind); };
  const auto is_shut = [](const Action& action) { return std::holds_alternative<action::ShutGate>(action.kind); };
  EXPECT_TRUE(std::ranges::any_of(shutting.start, is_shut));
  EXPECT_FALSE(std::ranges::any_of(shutting.start, is_swap)) << "nobody knows yet whether it is shut";
  ASSERT_LE(shutting.wake_at, state.now + ms(1));
  Controller told = controller;
  const auto next = controller.step({shutting.wake_at, event::Tick{}});
  EXPECT_TRUE(std::ranges::any_of(next.start, is_swap));
  (void)told.step({state.now, event::GateFailed{state.now + ms(400)}});
  EXPECT_FALSE(std::ranges::any_of(told.step({shutting.wake_at, event::Tick{}}).start, is_swap));
}

// ---- etcd restored from an old copy ----

TEST(OldCopy, nobody_bids_against_a_record_older_than_what_was_spoken_of) {
  State state = standby();
  state.now = state.now + ms(650);
  state.store_read_at = state.now;
  state.is_quiesced = true;
  state.peers[db1].beat.revision = Revision{11};
  EXPECT_EQ(decide(state).swap(SwapPurpose::bid), nullptr);
  state.is_quiesced = true;
  state.peers[db1].beat.revision = Revision{10};
  EXPECT_NE(decide(state).swap(SwapPurpose::bid), nullptr);
}

TEST(OldCopy, a_host_that_served_a_later_epoch_stops_and_never_rewinds) {
  State state = standby({db1});
  state.facts.run = PostgresRun::stopped;
  state.facts.served = Epoch{4};
  const auto decided = decide(state);
  EXPECT_EQ(decided.last(), "halt_regressed");
  EXPECT_EQ(decided.find<action::Rewind>(), nullptr);
  EXPECT_EQ(decided.find<action::Clone>(), nullptr);
}

}  // namespace
}  // namespace gemel::core::testing
