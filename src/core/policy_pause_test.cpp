// R11: the pause as a long lease, from both sides; and what nobody does meanwhile.
#include <gtest/gtest.h>

#include "core/controller.h"
#include "core/pair_world.h"
#include "core/policy_bench.h"

namespace gemel::core::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

event::PauseAsked ten_minutes() { return {7, "ann", "new switch", minutes(10), "12:30"}; }

/// db1, whose pause of ten minutes was sent at the state's `now` and answered 30 ms later.
State paused_primary() {
  State state = primary();
  after(state, ten_minutes());
  state.now = state.now + ms(30);
  end(state, Slot::store, Certainty::done, payload::Swapped{Revision{11}});
  return state;
}

TEST(Pause, is_refused_with_the_reason) {
  const auto reason = [](State state, event::PauseAsked asked) {
    const auto decided = after(state, asked);
    EXPECT_EQ(decided.output.answers.at(0).accepted, decided.output.answers.at(0).reason.empty());
    return decided.output.answers.at(0).reason;
  };
  event::PauseAsked asked = ten_minutes();
  EXPECT_EQ(reason(standby(), asked), "not_primary");
  EXPECT_EQ(reason(primary(), asked), "");
  asked.length = seconds(9);
  EXPECT_EQ(reason(primary(), asked), "bad_length");
  asked.length = longest_pause + seconds(1);
  EXPECT_EQ(reason(primary(), asked), "bad_length");
  asked = ten_minutes();
  asked.by.clear();
  EXPECT_EQ(reason(primary(), asked), "no_name");
  asked = ten_minutes();
  asked.reason.clear();
  EXPECT_EQ(reason(primary(), asked), "no_reason");
  State busy = primary();
  busy.hand_over = HandOver{};
  EXPECT_EQ(reason(busy, ten_minutes()), "busy");
  State elsewhere = standby();
  EXPECT_TRUE(after(elsewhere, event::ResumeAsked{8, "ops"}).output.answers.at(0).text.contains("db1"));
  State running = primary();
  EXPECT_EQ(after(running, event::ResumeAsked{8, "ops"}).output.answers.at(0).reason, "not_paused");
  State paused = paused_primary();
  EXPECT_EQ(after(paused, event::SwitchoverAsked{9, db2}).output.answers.at(0).reason, "paused");
}

TEST(Pause, is_written_with_owner_reason_and_length) {
  State state = primary();
  const auto decided = after(state, ten_minutes());
  const auto* swap = decided.swap(SwapPurpose::pause);
  ASSERT_NE(swap, nullptr);
  EXPECT_EQ(swap->next.state, RecordState::paused);
  ASSERT_TRUE(swap->next.pause.has_value());
  EXPECT_EQ(*swap->next.pause, (Pause{swap->next.token, "ann", "new switch", "12:30", minutes(10)}));
  EXPECT_EQ(swap->next.epoch, epoch3);
  EXPECT_EQ(swap->next.members, (NodeSet{db1, db2}));
}

TEST(Pause, lets_the_holder_serve_without_permits_until_its_end_counted_from_the_sending) {
  State state = paused_primary();
  const TimePoint sent = state.now - ms(30);
  state.now = sent + minutes(10) - ms(1);
  EXPECT_EQ(state.permit_until(), sent + minutes(10));
  EXPECT_FALSE(decide(state).fired("shut_without_permit"));
  state.now = sent + minutes(10);
  EXPECT_TRUE(decide(state).fired("shut_without_permit"));
}

TEST(Pause, sets_the_gate_at_most_one_lease_ahead) {
  State state = paused_primary();
  state.now = state.now + minutes(1);
  const auto decided = decide(state);
  ASSERT_NE(decided.find<action::RefreshGate>(), nullptr);
  EXPECT_EQ(decided.find<action::RefreshGate>()->until, state.now + ms(500));
}

TEST(Pause, gives_no_lease_before_its_swap_is_known_to_have_succeeded) {
  State state = primary();
  after(state, ten_minutes());
  state.now = state.now + ms(500);
  EXPECT_LE(state.permit_until(), state.now);
  end(state, Slot::store, Certainty::unknown);
  EXPECT_LE(state.permit_until(), state.now);
}

TEST(Pause, gives_no_lease_to_a_run_that_did_not_send_it) {
  State state = primary();
  pause_by_another(state);
  state.now = state.now + ms(500);
  EXPECT_TRUE(decide(state).fired("shut_without_permit"));
}

TEST(Pause, ends_the_lease_the_moment_its_end_is_sent) {
  State state = paused_primary();
  const auto decided = after(state, event::ResumeAsked{8, "ops"});
  ASSERT_NE(decided.swap(SwapPurpose::resume), nullptr);
  EXPECT_EQ(decided.swap(SwapPurpose::resume)->next.state, RecordState::normal);
  EXPECT_FALSE(decided.swap(SwapPurpose::resume)->next.pause.has_value());
  end(state, Slot::store, Certainty::unknown);
  state.now = state.now + ms(500);
  EXPECT_LE(state.permit_until(), state.now);
}

TEST(Pause, is_not_ended_early_without_ordinary_permits) {
  State state = paused_primary();
  state.now = state.now + seconds(20);
  EXPECT_EQ(after(state, event::ResumeAsked{8, "ops"}).swap(SwapPurpose::resume), nullptr);
  state.pending.reset();  // a removal that was sent meanwhile
  state.slots.clear();
  hear(state, db2, PostgresRun::standby);
  EXPECT_NE(decide(state).swap(SwapPurpose::resume), nullptr);
}

TEST(Pause, is_ended_by_the_holder_when_it_has_run_out) {
  State state = paused_primary();
  state.now = state.now + minutes(10);
  hear(state, db2, PostgresRun::standby);
  EXPECT_NE(decide(state).swap(SwapPurpose::resume), nullptr);
  State restarted = primary();  // counts anew from when it saw it
  pause_by_another(restarted);
  restarted.now = restarted.now + minutes(10) - ms(1);
  hear(restarted, db2, PostgresRun::standby);
  EXPECT_EQ(decide(restarted).swap(SwapPurpose::resume), nullptr);
  restarted.now = restarted.now + ms(1);
  EXPECT_NE(decide(restarted).swap(SwapPurpose::resume), nullptr);
}

TEST(Pause, still_removes_a_dead_member) {
  State state = paused_primary();
  state.now = state.now + ms(400);
  state.facts_at = state.now;
  const auto decided = decide(state);
  const auto* swap = decided.swap(SwapPurpose::remove);
  ASSERT_NE(swap, nullptr);
  EXPECT_EQ(swap->next.state, RecordState::paused);
  EXPECT_EQ(swap->next.pause, state.record()->pause);
  end(state, Slot::store, Certainty::done, payload::Swapped{Revision{12}});
  state.now = state.now + minutes(1);
  EXPECT_GT(state.pause_lease_until(), state.now);  // the same pause goes on
}

TEST(Pause, lets_nobody_resign_start_rewind_or_copy) {
  State crashed = paused_primary();
  after(crashed, event::PostgresExited{});
  const auto next = end(crashed, Slot::postgres, Certainty::done);
  EXPECT_EQ(next.last(), "paused");
  EXPECT_EQ(next.swap(SwapPurpose::resign), nullptr);
  State sick = paused_primary();
  hear(sick, db2, PostgresRun::standby);
  sick.facts.write_probe_age = seconds(9);
  EXPECT_FALSE(decide(sick).fired("resign_sick"));
  for (const auto run : {PostgresRun::stopped, PostgresRun::absent}) {
    State down = standby({db1});
    pause_by_another(down);
    down.facts.run = run;
    EXPECT_EQ(decide(down).last(), "paused");
  }
}

TEST(Pause, is_bid_against_only_when_the_holders_lease_cannot_last_any_more) {
  State state = standby();
  pause_by_another(state);
  state.is_quiesced = true;
  const TimePoint known = state.now;
  // (10 min x 1.1 + 20 ms) / 0.9 + 1 s
  const Duration wait = std::chrono::nanoseconds(660'020'000'000) / 9 * 10 + seconds(1);
  state.now = known + wait - ms(1);
  state.store_read_at = state.now;
  EXPECT_EQ(decide(state).swap(SwapPurpose::bid), nullptr);
  state.is_quiesced = true;
  state.now = known + wait + ms(1);
  state.store_read_at = state.now;
  const auto decided = decide(state);
  ASSERT_NE(decided.swap(SwapPurpose::bid), nullptr);
  EXPECT_EQ(decided.swap(SwapPurpose::bid)->next.state, RecordState::normal);
  EXPECT_FALSE(decided.swap(SwapPurpose::bid)->next.pause.has_value());
}

TEST(Pause, counts_anew_after_an_extension_and_not_while_the_loop_stood_still) {
  State state = standby();
  pause_by_another(state);
  state.now = state.now + minutes(13);
  EXPECT_TRUE(state.has_pause_run_out());
  StoreView view = state.store;
  view.record->record.pause->id = "pause-2";
  ++view.record->revision.value;
  adopt(state, view);
  EXPECT_FALSE(state.has_pause_run_out());

  Controller controller(db2, bench_config(), 1);
  TimePoint now{minutes(10)};
  controller.step({now, event::PostgresSeen{state.facts}});
  const ActionId read = controller.state().slots.at(Slot::store).id;
  controller.step({now, event::ActionEnded{read, Certainty::done, view, ""}});
  ASSERT_TRUE(controller.state().pause.has_value());
  controller.step({now + minutes(30), event::Tick{}});  // asleep all the time
  EXPECT_FALSE(controller.state().has_pause_run_out());
}

TEST(Pause, leaving_it_restarts_every_count) {
  State state = standby();
  pause_by_another(state);
  state.now = state.now + minutes(1);
  StoreView view = state.store;
  view.record->record.state = RecordState::normal;
  view.record->record.pause.reset();
  ++view.record->revision.value;
  adopt(state, view);
  EXPECT_EQ(state.count_start, state.now);
  EXPECT_FALSE(decide(state).fired("quiesce"));
}

/// A pause of 10 s, its holder isolated all the time, with the worst clocks that the timers allow.
TEST(Pause, never_has_two_open_gates_with_an_isolated_holder) {
  for (const bool is_slow_holder : {true, false}) {
    Conditions conditions;
    conditions.clock_rates = {{"db1", is_slow_holder ? 1.0 / 1.1 : 1.0 / 0.9},
                              {"db2", is_slow_holder ? 1.0 / 0.9 : 1.0 / 1.1}};
    PairWorld world(conditions);
    ASSERT_TRUE(world.run_until([&] { return world.is_whole(); }, seconds(30)));
    ASSERT_TRUE(world.pause("db1", seconds(10)).accepted);
    world.run_for(ms(100));
    world.isolate("db1");
    world.run_for(seconds(8));
    EXPECT_EQ(world.primary(), "db1");  // no permit, and serves
    EXPECT_TRUE(world.run_until([&] { return world.primary() == "db2"; }, seconds(20)));
    world.heal();
    EXPECT_TRUE(world.run_until([&] { return world.is_whole(); }, seconds(30)));
    EXPECT_EQ(world.violation(), "");
  }
}

}  // namespace
}  // namespace gemel::core::testing
