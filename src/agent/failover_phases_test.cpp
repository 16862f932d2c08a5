// The phases of a failover: that they begin with the first sign, follow each other without a hole, and are told once.
#include "agent/failover_phases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "agent/metrics.h"

namespace gemel::agent {
namespace {

using core::PostgresRun;
using core::RecordState;
using core::SwapPurpose;
using std::chrono::milliseconds;
using ::testing::Not;

const NodeId db1{"db1"};
const NodeId db2{"db2"};

/// db2's controller state, moved by hand: what the phases are read off.
class Phases : public ::testing::Test {
 protected:
  Phases() {
    core::Record record;
    record.epoch = Epoch{4};
    record.holder = db1;
    record.members = {db1, db2};
    state.store.record = core::VersionedRecord{record, Revision{10}};
    state.hinted = Revision{10};
    state.facts.run = PostgresRun::standby;
    state.facts.served = Epoch{};
    at(0);
    state.peers[db1].heard_at = state.now;
  }
  void at(int ms) { state.now = TimePoint{std::chrono::seconds(100) + milliseconds(ms)}; }
  void step(core::Event event = core::event::Tick{}, std::vector<core::ActionKind> kinds = {}) {
    core::Output output;
    for (auto& kind : kinds) output.start.push_back({core::ActionId{next++}, std::move(kind)});
    phases.step({state.now, std::move(event)}, output, state);
  }
  core::Record& record() { return state.store.record->record; }

  void bid() {
    core::action::SwapRecord swap{SwapPurpose::bid, state.revision(), record(), {}};
    swap.next.epoch = Epoch{record().epoch.value + 1};
    swap.next.holder = db2;
    step({}, {swap});
  }
  void win() {
    record().epoch = Epoch{record().epoch.value + 1};
    record().holder = db2;
    record().state = RecordState::normal;
    state.won = record().epoch;
    step();
  }
  void promote(int ms) {
    step({}, {core::action::Promote{}});
    at(ms);
    state.promoted = state.won;
    state.names = NodeSet{db1};
    step();
  }
  void cut() {
    record().members = {db2};
    state.is_cut = true;
    step();
  }

  core::State state{db2, core::Config{{db1, db2}, db1, "site", {}, 1}, 1};
  FailoverPhases phases;
  std::uint64_t next = 1;
};

TEST_F(Phases, of_a_silent_primary_begin_with_its_last_heartbeat_and_leave_no_hole) {
  at(660);
  bid();
  at(670);
  win();
  at(675);
  promote(740);
  at(750);
  cut();
  at(752);
  state.opened = state.won;
  step();
  EXPECT_FALSE(phases.take_report()) << "nobody can write yet";
  at(760);
  phases.address_is_here(state.now);
  at(770);
  state.names = NodeSet{};
  step();
  const auto report = phases.take_report();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->epoch, Epoch{5});
  EXPECT_EQ(report->text(),
            "take_over took 770 ms: detect 660, bid 10, prepare 5, promote 65, cut 10, open 2, address 8, names 10");
  EXPECT_EQ(report->times().size(), 8U);
  EXPECT_EQ(report->times().back().phase, "names");
  EXPECT_EQ(report->times().back().ms, 10);
  EXPECT_FALSE(phases.take_report()) << "told once";
  ASSERT_EQ(phases.last().size(), 1U);
  EXPECT_EQ(phases.last()[0].total(), milliseconds(770));
}

TEST_F(Phases, of_a_resigned_primary_begin_with_the_first_word_of_it) {
  at(100);
  state.hinted = Revision{11};
  step(core::event::StoreHint{Revision{11}, std::nullopt});
  at(104);
  record().state = RecordState::resigned;
  state.store.record->revision = Revision{11};
  state.resigned_at = state.now;
  step();
  at(105);
  bid();
  at(110);
  win();
  promote(150);
  cut();
  at(151);
  state.names = NodeSet{};
  state.opened = state.won;
  step();
  phases.address_is_here(state.now);
  const auto report = phases.take_report();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->total(), milliseconds(51));
  EXPECT_EQ(report->phases.front().length, milliseconds(5));
}

TEST_F(Phases, of_a_bid_that_somebody_else_won_are_not_told) {
  at(660);
  bid();
  at(670);
  record().epoch = Epoch{5};
  record().holder = db1;
  step();
  phases.address_is_here(state.now);
  EXPECT_FALSE(phases.take_report());
  EXPECT_TRUE(phases.last().empty());
}

/// The other side: this host serves epoch 4.
class Giving : public Phases {
 protected:
  Giving() {
    record().holder = db2;
    state.won = state.promoted = state.opened = Epoch{4};
    state.facts.run = PostgresRun::primary;
    step();
  }
  void resign(int ms) {
    at(ms);
    record().state = RecordState::resigned;
    step();
  }
};

TEST_F(Giving, crash_is_counted_from_the_exit_to_the_resignation) {
  at(10);
  state.is_crash_unclean = true;
  state.opened = Epoch{};
  state.facts.run = PostgresRun::starting;
  step(core::event::PostgresExited{}, {core::action::KillPostgres{}});
  at(25);
  state.is_crash_unclean = false;
  state.facts.run = PostgresRun::stopped;
  step();
  resign(31);
  const auto report = phases.take_report();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->epoch, Epoch{4});
  EXPECT_EQ(report->text(), "hand_over took 21 ms: stop 15, resign 6");
}

TEST_F(Giving, last_failover_is_in_the_metrics) {
  using ::testing::HasSubstr;
  const auto page = [&] { return metrics_text(api::HostStatus{}, nullptr, nullptr, &phases); };
  EXPECT_THAT(page(), Not(HasSubstr("gemel_failover"))) << "there was none";
  at(10);
  state.is_crash_unclean = true;
  state.opened = Epoch{};
  step(core::event::PostgresExited{});
  at(35);
  state.facts.run = PostgresRun::stopped;
  step();
  resign(41);
  EXPECT_THAT(page(), HasSubstr("gemel_failover_seconds{part=\"hand_over\"} 0.031"));
  EXPECT_THAT(page(), HasSubstr("gemel_failover_phase_seconds{part=\"hand_over\",phase=\"stop\"} 0.025"));
}

TEST_F(Giving, switchover_tells_the_checkpoint_apart) {
  at(10);
  state.hand_over = core::HandOver{db1, core::HandOverStage::checkpoint, state.now};
  step(core::event::SwitchoverAsked{1, db1}, {core::action::Checkpoint{}});
  at(60);
  state.hand_over->stage = core::HandOverStage::stop;
  state.opened = Epoch{};
  step({}, {core::action::StopPostgres{milliseconds(2000)}});
  at(100);
  state.facts.run = PostgresRun::stopped;
  step();
  state.hand_over.reset();
  resign(106);
  const auto report = phases.take_report();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->text(), "hand_over took 96 ms: checkpoint 50, stop 40, resign 6");
}

TEST_F(Giving, hand_over_that_was_called_off_is_not_told) {
  at(10);
  state.hand_over = core::HandOver{db1, core::HandOverStage::checkpoint, state.now};
  step();
  at(20);
  state.hand_over.reset();
  step();
  resign(5000);
  EXPECT_FALSE(phases.take_report());
}

}  // namespace
}  // namespace gemel::agent
