// Rules that end things: fencing (R5, R6, R9), resignation, switchover and the stop of the agent.
#include <gtest/gtest.h>

#include "core/policy_bench.h"

namespace gemel::core::testing {
namespace {

// ---- R5 ----

TEST(Policy, permit_ends_one_lease_after_the_send_time_of_the_last_confirmed_heartbeat) {
  State state = primary();
  EXPECT_EQ(state.permit_until(), *state.peers[db2].confirmed + ms(500));
  state.now = state.now + ms(499);
  EXPECT_FALSE(decide(state).fired("shut_without_permit"));
  state.now = state.now + ms(1);
  const auto decided = decide(state);
  EXPECT_TRUE(decided.fired("shut_without_permit"));
  EXPECT_NE(decided.find<action::ShutGate>(), nullptr);
  EXPECT_EQ(decided.find<action::KillPostgres>(), nullptr);  // PostgreSQL goes on
}

TEST(Policy, hearing_without_confirmation_extends_no_permit) {
  State state = primary();
  const TimePoint until = state.permit_until();
  state.now = state.now + ms(100);
  Heard heard{db2, state.peers[db2].beat, std::nullopt, TimePoint{}};
  const auto decided = after(state, heard);
  EXPECT_EQ(state.permit_until(), until);
  EXPECT_EQ(decided.find<action::RefreshGate>(), nullptr);
}

TEST(Policy, an_older_confirmation_never_shortens_the_permit) {
  State state = primary();
  const TimePoint until = state.permit_until();
  after(state, Heard{db2, state.peers[db2].beat, state.now - ms(100), TimePoint{}});
  EXPECT_EQ(state.permit_until(), until);
}

TEST(Policy, sets_the_gate_to_the_end_of_the_permit_and_never_beyond) {
  State state = primary();
  state.now = state.now + ms(170);
  const auto decided = after(state, Heard{db2, state.peers[db2].beat, state.now - ms(10), TimePoint{}});
  ASSERT_NE(decided.find<action::RefreshGate>(), nullptr);
  EXPECT_EQ(decided.find<action::RefreshGate>()->until, state.now - ms(10) + ms(500));
  EXPECT_EQ(decided.find<action::RefreshGate>()->epoch, epoch3);
}

TEST(Policy, leaves_the_gate_alone_while_it_has_long_to_live_and_uses_up_the_permit_all_the_same) {
  State state = primary();
  state.now = state.now + ms(110);
  const auto early = after(state, Heard{db2, state.peers[db2].beat, state.now, TimePoint{}});
  EXPECT_EQ(early.find<action::RefreshGate>(), nullptr) << "390 ms are left";
  const TimePoint until = state.permit_until();
  state.now = state.now + ms(50);  // nothing more is heard
  const auto later = after(state, event::Tick{});
  ASSERT_NE(later.find<action::RefreshGate>(), nullptr);
  EXPECT_EQ(later.find<action::RefreshGate>()->until, until);
}

TEST(Policy, a_holder_alone_in_s_needs_no_confirmation) {
  State state = primary({db1});
  state.peers.clear();
  state.now = state.now + std::chrono::minutes(5);
  const auto decided = decide(state);
  EXPECT_FALSE(decided.fired("shut_without_permit"));
  EXPECT_NE(decided.find<action::RefreshGate>(), nullptr);
}

TEST(Policy, opens_the_gate_again_when_the_permit_is_back) {
  State state = primary();
  state.now = state.now + ms(500);
  decide(state);
  ASSERT_TRUE(state.shut_since.has_value());
  hear(state, db2, PostgresRun::standby);
  const auto decided = decide(state);
  EXPECT_NE(decided.find<action::RefreshGate>(), nullptr);
  EXPECT_FALSE(state.shut_since.has_value());
}

TEST(Policy, kills_postgresql_after_t_kill_without_a_permit) {
  State state = primary();
  state.now = state.now + ms(500);
  decide(state);
  state.now = state.now + ms(1999);
  EXPECT_FALSE(decide(state).fired("fence_shut_long"));
  state.now = state.now + ms(1);
  const auto decided = decide(state);
  EXPECT_EQ(decided.last(), "fence_shut_long");
  EXPECT_NE(decided.find<action::KillPostgres>(), nullptr);
}

// ---- R6, R9 ----

TEST(Policy, shuts_the_gate_when_anybody_knows_a_higher_epoch) {
  State state = primary();
  Beat beat = state.peers[db2].beat;
  beat.epoch = Epoch{4};
  const auto decided = after(state, Heard{db2, beat, state.now, TimePoint{}});
  EXPECT_TRUE(decided.fired("shut_superseded"));
  EXPECT_GE(decided.place<action::ShutGate>(), 0);
  EXPECT_NE(decided.find<action::DropAddress>(), nullptr);
  EXPECT_NE(decided.find<action::ReadStore>(), nullptr);  // and looks who it is
}

TEST(Policy, fences_in_the_order_gate_address_kill) {
  State state = primary();
  StoreView view = record_of(db2, {db1, db2}, 11);
  view.record->record.epoch = Epoch{4};
  adopt(state, view);
  const auto decided = decide(state);
  EXPECT_EQ(decided.last(), "fence");
  ASSERT_GE(decided.place<action::ShutGate>(), 0);
  EXPECT_LT(decided.place<action::ShutGate>(), decided.place<action::DropAddress>());
  EXPECT_LT(decided.place<action::DropAddress>(), decided.place<action::KillPostgres>());
}

TEST(Policy, drops_the_address_an_earlier_run_may_have_left_once_the_record_names_another) {
  State state = standby();
  state.may_hold_address = true;
  const auto decided = decide(state);
  EXPECT_TRUE(decided.fired("drop_left_address"));
  EXPECT_NE(decided.find<action::DropAddress>(), nullptr);
  EXPECT_FALSE(decide(state).fired("drop_left_address"));  // once
}

TEST(Policy, keeps_the_address_an_earlier_run_took_while_it_is_the_holder) {
  State state = primary();
  state.may_hold_address = true;
  EXPECT_EQ(decide(state).find<action::DropAddress>(), nullptr);
}

TEST(Policy, a_standby_promoted_by_hand_is_fenced_and_copied_anew) {
  State state = standby();
  state.facts.run = PostgresRun::primary;
  state.facts.timeline = 6;
  const auto decided = decide(state);
  EXPECT_EQ(decided.last(), "fence");
  EXPECT_TRUE(state.must_clone);
}

TEST(Policy, a_server_promoted_by_hand_before_its_agent_could_is_fenced) {
  State state = taker();
  state.facts.served = Epoch{4};
  state.facts.run = PostgresRun::primary;
  EXPECT_EQ(decide(state).last(), "fence");
  state = taker();
  state.facts.served = Epoch{4};
  state.promoted = Epoch{4};
  state.facts.run = PostgresRun::primary;
  EXPECT_FALSE(decide(state).fired("fence")) << "this agent promoted it";
}

TEST(Policy, a_deposed_primary_is_fenced_and_may_be_rewound) {
  for (const bool is_complete : {true, false}) {
    State state = standby();
    state.facts.run = PostgresRun::primary;
    state.store.history.insert(state.store.history.begin(), HistoryEntry{Epoch{2}, db2, is_complete, 5, Lsn{50}});
    EXPECT_EQ(decide(state).last(), "fence");
    EXPECT_FALSE(state.must_clone);
  }
}

TEST(Policy, fence_cancels_what_the_server_is_doing) {
  State state = primary();
  state.slots.emplace(Slot::postgres, InFlight{ActionId{77}, action::Checkpoint{}});
  StoreView view = record_of(db2, {db2}, 11);
  view.record->record.epoch = Epoch{4};
  adopt(state, view);
  const auto decided = decide(state);
  EXPECT_EQ(decided.output.cancel, std::vector{ActionId{77}});
  EXPECT_NE(decided.find<action::KillPostgres>(), nullptr);
}

TEST(Policy, kills_the_remains_of_a_crash_before_it_resigns) {
  State state = primary();
  const auto decided = after(state, event::PostgresExited{});
  EXPECT_EQ(decided.last(), "clean_up_crash");
  EXPECT_LT(decided.place<action::ShutGate>(), decided.place<action::KillPostgres>());
  EXPECT_EQ(decided.find<action::SwapRecord>(), nullptr);
  const auto next = end(state, Slot::postgres, Certainty::done);
  EXPECT_NE(next.swap(SwapPurpose::resign), nullptr);
}

TEST(Policy, starts_again_by_itself_after_a_crash_when_it_is_alone) {
  State state = primary({db1});
  after(state, event::PostgresExited{});
  const auto next = end(state, Slot::postgres, Certainty::done);
  EXPECT_EQ(next.swap(SwapPurpose::resign), nullptr);
  EXPECT_EQ(next.last(), "quiesce");  // on the way to an epoch of its own
}

TEST(Policy, shortens_the_gate_when_the_permit_becomes_shorter) {
  State state = primary();
  state.refreshed_until = state.permit_until() + ms(1);
  const auto decided = decide(state);
  ASSERT_NE(decided.find<action::RefreshGate>(), nullptr);
  EXPECT_EQ(decided.find<action::RefreshGate>()->until, state.permit_until());
}

// The simulator's seed 10941: the peer that had spoken of epoch 4 restarted and had forgotten it.
TEST(Policy, never_forgets_the_highest_epoch_it_heard_of) {
  State state = primary();
  Heard heard;
  heard.from = db2;
  heard.beat.epoch = Epoch{4};
  EXPECT_TRUE(after(state, heard).fired("shut_superseded"));
  heard.beat.epoch = Epoch{};
  heard.confirmed = state.now;
  EXPECT_FALSE(after(state, heard).fired("open"));
  EXPECT_EQ(state.highest_epoch(), Epoch{4});
}

// The simulator's seed 18559: an add of unknown outcome was sent again and refused for lack of space.
// ---- resignation ----

TEST(Policy, resigns_with_a_sick_disk_after_t_sick_if_somebody_can_take_over) {
  State early = primary();
  early.facts.write_probe_age = ms(2999);
  EXPECT_FALSE(decide(early).fired("resign_sick"));
  State state = primary();
  state.facts.write_probe_age = ms(3000);
  const auto decided = decide(state);
  EXPECT_EQ(decided.last(), "resign_sick");
  EXPECT_GE(decided.place<action::ShutGate>(), 0);
  state.now = state.now + ms(1);
  EXPECT_NE(decide(state).swap(SwapPurpose::resign), nullptr);
  State alone = primary({db1});
  alone.facts.write_probe_age = ms(3000);
  EXPECT_FALSE(decide(alone).fired("resign_sick"));
}

TEST(Policy, resigns_a_take_over_that_is_not_open_within_t_promote) {
  State state = taker();
  state.facts.served = Epoch{4};
  decide(state);  // promotes
  state.now = state.now + ms(5000);
  hear(state, db1, PostgresRun::standby);
  const auto decided = decide(state);
  EXPECT_EQ(decided.last(), "resign_slow");
  EXPECT_EQ(decided.output.cancel.size(), 1U);
  EXPECT_NE(decided.find<action::KillPostgres>(), nullptr);
}

// ---- switchover ----

Answer ask(State state, const char* to) {
  Output output;
  apply(state, event::SwitchoverAsked{5, NodeId{to}}, output);
  EXPECT_EQ(output.answers.size(), 1U);
  return output.answers.at(0);
}

TEST(Policy, refuses_a_switchover_with_the_reason) {
  EXPECT_EQ(ask(standby(), "db1").reason, "not_primary");
  EXPECT_EQ(ask(primary(), "db1").reason, "already_there");
  EXPECT_EQ(ask(primary(), "db9").reason, "no_such_host");
  EXPECT_EQ(ask(primary({db1}), "db2").reason, "not_synchronous");
  EXPECT_EQ(ask(primary({db1}), "").reason, "no_candidate");
  State running = primary();
  running.hand_over = HandOver{db2, HandOverStage::checkpoint, running.now};
  EXPECT_EQ(ask(running, "db2").reason, "already_running");
  State silent = primary();
  silent.now = silent.now + ms(400);
  EXPECT_EQ(ask(silent, "db2").reason, "not_reachable");
  State down = primary();
  down.peers[db2].beat.run = PostgresRun::stopped;
  EXPECT_EQ(ask(down, "db2").reason, "not_reachable");
  const Answer answer = ask(primary(), "db2");
  EXPECT_TRUE(answer.accepted);
  EXPECT_EQ(answer.ask, 5U);
}

TEST(Policy, hands_over_in_the_order_checkpoint_stop_gate_resign) {
  State state = primary();
  const auto first = after(state, event::SwitchoverAsked{1, NodeId{}});
  EXPECT_NE(first.find<action::Checkpoint>(), nullptr);
  EXPECT_EQ(first.find<action::ShutGate>(), nullptr);  // still serving

  const auto stop = end(state, Slot::postgres, Certainty::done);
  ASSERT_NE(stop.find<action::StopPostgres>(), nullptr);
  EXPECT_EQ(stop.find<action::StopPostgres>()->limit, ms(2000));
  EXPECT_EQ(stop.find<action::ShutGate>(), nullptr) << "clients hear from the server that it ends";
  const auto* drain = stop.find<action::RefreshGate>();
  ASSERT_NE(drain, nullptr);
  EXPECT_FALSE(drain->admits_new);
  EXPECT_EQ(drain->until, state.permit_until()) << "no longer than the permit";
  EXPECT_LT(stop.place<action::RefreshGate>(), stop.place<action::StopPostgres>());
  EXPECT_EQ(stop.find<action::SwapRecord>(), nullptr);
  hear(state, db2, PostgresRun::standby);
  EXPECT_EQ(decide(state).find<action::SwapRecord>(), nullptr) << "not while it stops";

  const auto last = end(state, Slot::postgres, Certainty::done, payload::Mark{Lsn{300}});
  const auto* swap = last.swap(SwapPurpose::resign);
  ASSERT_NE(swap, nullptr);
  ASSERT_NE(last.find<action::ShutGate>(), nullptr);
  EXPECT_LT(last.place<action::ShutGate>(), last.place<action::DropAddress>());
  EXPECT_LT(last.place<action::DropAddress>(), last.place<action::SwapRecord>()) << "nobody may bid before";
  EXPECT_EQ(swap->next.state, RecordState::resigned);
  EXPECT_EQ(swap->next.preferred, db2);
  EXPECT_EQ(swap->next.epoch, epoch3);
  EXPECT_EQ(swap->next.members, (NodeSet{db1, db2}));
}

TEST(Policy, a_stop_that_overran_is_finished_by_a_kill) {
  State state = primary();
  after(state, event::SwitchoverAsked{1, db2});
  end(state, Slot::postgres, Certainty::done);
  const auto decided = end(state, Slot::postgres, Certainty::unknown);
  EXPECT_FALSE(state.is_serving());
  ASSERT_NE(decided.find<action::ShutGate>(), nullptr) << "what remains is behind the shut gate";
  EXPECT_LT(decided.place<action::ShutGate>(), decided.place<action::KillPostgres>());
}

TEST(Policy, lets_nobody_new_in_while_it_stops) {
  State state = primary();
  state.now = state.now + ms(200);
  hear(state, db2, PostgresRun::standby);
  const auto asked = after(state, event::SwitchoverAsked{1, db2});
  ASSERT_TRUE(asked.fired("refresh_gate"));
  EXPECT_TRUE(asked.find<action::RefreshGate>()->admits_new) << "still serving";
  end(state, Slot::postgres, Certainty::done);
  state.now = state.now + ms(200);
  hear(state, db2, PostgresRun::standby);
  const auto later = decide(state);
  ASSERT_TRUE(later.fired("refresh_gate"));
  EXPECT_FALSE(later.find<action::RefreshGate>()->admits_new);
}

TEST(Policy, a_hand_over_does_not_open_a_gate_without_a_permit) {
  State state = primary();
  after(state, event::SwitchoverAsked{1, db2});
  state.now = state.now + ms(501);
  ASSERT_TRUE(decide(state).fired("shut_without_permit"));
  const auto stop = end(state, Slot::postgres, Certainty::done);
  ASSERT_NE(stop.find<action::StopPostgres>(), nullptr);
  EXPECT_EQ(stop.find<action::RefreshGate>(), nullptr);
}

TEST(Policy, shuts_the_gate_when_the_permit_ends_while_it_stops) {
  State state = primary();
  after(state, event::SwitchoverAsked{1, db2});
  end(state, Slot::postgres, Certainty::done);
  state.now = state.now + ms(501);
  EXPECT_TRUE(decide(state).fired("shut_without_permit"));
}

// ---- stop of the agent ----

TEST(Policy, stop_hands_over_when_a_standby_is_ready) {
  State state = primary();
  const auto decided = after(state, event::StopAsked{});
  EXPECT_TRUE(decided.fired("stop_asked"));
  EXPECT_NE(decided.find<action::StopPostgres>(), nullptr);
  const auto stopped = end(state, Slot::postgres, Certainty::done);
  ASSERT_NE(stopped.find<action::ShutGate>(), nullptr);
  EXPECT_NE(stopped.swap(SwapPurpose::resign), nullptr);
}

TEST(Policy, stop_without_a_standby_just_stops_and_starts_nothing_any_more) {
  State state = primary({db1});
  EXPECT_EQ(after(state, event::StopAsked{}).last(), "stop_postgres");
  end(state, Slot::postgres, Certainty::done);
  state.now = state.now + std::chrono::minutes(1);
  const auto decided = decide(state);
  EXPECT_EQ(decided.last(), "stopping");
  EXPECT_TRUE(decided.output.start.empty());
}

TEST(Policy, cleans_up_a_crash_at_once_whatever_failed_before) {
  State state = primary();
  state.postgres_backoff = std::chrono::seconds(15);  // e.g. checkpoints that ran into their deadline
  state.slots.emplace(Slot::postgres, InFlight{ActionId{77}, action::Checkpoint{}});
  end(state, Slot::postgres, Certainty::unknown);
  const auto decided = after(state, event::PostgresExited{});
  EXPECT_TRUE(decided.fired("clean_up_crash"));
  EXPECT_NE(decided.find<action::KillPostgres>(), nullptr);
}

TEST(Policy, starts_that_fail_back_off_although_the_kill_between_them_succeeds) {
  State state = standby();
  state.facts.run = PostgresRun::stopped;
  Duration before{};
  for (int round = 0; round < 3; ++round) {
    state.now = state.postgres_retry_at > state.now ? state.postgres_retry_at : state.now;
    hear(state, db1, PostgresRun::primary);
    ASSERT_NE(decide(state).find<action::StartPostgres>(), nullptr) << round;
    end(state, Slot::postgres, Certainty::refused);
    decide(state);
    if (state.is_busy(Slot::postgres)) end(state, Slot::postgres, Certainty::done);  // what remains of it is killed
    state.facts.run = PostgresRun::stopped;
    EXPECT_GT(state.postgres_backoff, before);
    before = state.postgres_backoff;
  }
}

TEST(Policy, backs_off_after_a_kill_that_failed) {
  State state = primary();
  (void)after(state, event::PostgresExited{});
  end(state, Slot::postgres, Certainty::unknown);
  EXPECT_EQ(decide(state).find<action::KillPostgres>(), nullptr);
}

}  // namespace
}  // namespace gemel::core::testing
