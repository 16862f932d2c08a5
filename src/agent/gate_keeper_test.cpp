// The gate's keeper against a fake gate and a clock that stands still where it hurts.
#include "agent/gate_keeper.h"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>

#include "adapters/gate/fake_gate.h"
#include "runtime/test_loop.h"

namespace gemel::agent {
namespace {

using std::chrono::milliseconds;

class Keeper : public ::testing::Test {
 protected:
  Keeper() {
    loop.run([](Keeper* test) -> runtime::Task<void> {
      EXPECT_TRUE(co_await test->gate.install(adapters::gate::InstallMode::shut));
    }(this));
  }

  /// The kernel hears what is sent only after the next of the stalls.
  TimePoint heard_at() {
    if (!stalls.empty()) {
      now = now + stalls.front();
      stalls.pop_front();
    }
    return now;
  }
  [[nodiscard]] bool is_open_at(TimePoint moment) {
    now = moment;
    stalls.clear();
    return gate.is_open().value();
  }

  runtime::TestLoop loop;
  TimePoint now{std::chrono::seconds(100)};
  std::deque<Duration> stalls;
  adapters::gate::FakeGate gate{[this] { return heard_at(); }};
  GateKeeper keeper{gate, [this] { return now; }, milliseconds(10)};
};

TEST_F(Keeper, opens_until_the_end_of_the_permit) {
  const TimePoint until = now + milliseconds(500);
  EXPECT_TRUE(keeper.refresh(until).status);
  EXPECT_EQ(gate.refreshes(), 1U);
  EXPECT_TRUE(is_open_at(until - milliseconds(1)));
  EXPECT_FALSE(is_open_at(until));
}

TEST_F(Keeper, drains_until_the_end_of_the_permit_however_slow_it_is) {
  const TimePoint until = now + milliseconds(500);
  stalls = {milliseconds(300)};
  EXPECT_TRUE(keeper.drain(until).status);
  EXPECT_EQ(gate.refreshes(), 2U);
  EXPECT_TRUE(gate.is_draining());
  EXPECT_TRUE(is_open_at(until - milliseconds(1)));
  EXPECT_FALSE(is_open_at(until));
}

TEST_F(Keeper, standing_still_between_the_clock_and_the_kernel_does_not_prolong_the_permit) {
  const TimePoint until = now + milliseconds(500);
  stalls = {milliseconds(300)};
  EXPECT_TRUE(keeper.refresh(until).status);
  EXPECT_TRUE(is_open_at(until - milliseconds(1)));
  EXPECT_FALSE(is_open_at(until)) << "set anew with what was left";
}

TEST_F(Keeper, standing_still_beyond_the_permit_shuts) {
  const TimePoint until = now + milliseconds(500);
  stalls = {milliseconds(495)};
  EXPECT_TRUE(keeper.refresh(until).status);
  EXPECT_FALSE(is_open_at(now));
}

TEST_F(Keeper, being_late_again_and_again_shuts) {
  stalls = {milliseconds(30), milliseconds(30), milliseconds(30)};
  EXPECT_TRUE(keeper.refresh(now + milliseconds(500)).status);
  EXPECT_EQ(gate.refreshes(), 4U);
  EXPECT_FALSE(is_open_at(now));
}

TEST_F(Keeper, being_a_little_late_is_within_the_slack) {
  stalls = {milliseconds(9)};
  EXPECT_TRUE(keeper.refresh(now + milliseconds(500)).status);
  EXPECT_EQ(gate.refreshes(), 1U);
}

TEST_F(Keeper, tells_until_when_a_gate_that_cannot_be_shut_may_be_open) {
  const TimePoint until = now + milliseconds(500);
  EXPECT_TRUE(keeper.refresh(until).status);
  gate.break_with(Error{ErrorCode::denied, "no netlink"});
  now = now + milliseconds(200);
  const auto outcome = keeper.shut();
  EXPECT_FALSE(outcome.status);
  EXPECT_EQ(outcome.open_until, until);
  now = now + milliseconds(300);
  EXPECT_EQ(keeper.shut().open_until, std::nullopt) << "it ended by itself";
}

TEST_F(Keeper, tells_of_a_gate_that_cannot_be_made_shorter) {
  const TimePoint until = now + milliseconds(500);
  EXPECT_TRUE(keeper.refresh(until).status);
  gate.break_with(Error{ErrorCode::denied, "no netlink"});
  EXPECT_EQ(keeper.refresh(now + milliseconds(100)).open_until, until);
  EXPECT_EQ(keeper.refresh(until + milliseconds(50)).open_until, std::nullopt) << "shorter than asked for";
}

TEST_F(Keeper, a_shut_gate_is_no_trouble_when_it_breaks) {
  EXPECT_TRUE(keeper.refresh(now + milliseconds(500)).status);
  EXPECT_TRUE(keeper.shut().status);
  gate.break_with(Error{ErrorCode::denied, "no netlink"});
  const auto outcome = keeper.shut();
  EXPECT_FALSE(outcome.status);
  EXPECT_EQ(outcome.open_until, std::nullopt);
}

}  // namespace
}  // namespace gemel::agent
