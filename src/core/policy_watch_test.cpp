// What a host believes of the record that a watch of etcd shows (ADR 0012).
#include <gtest/gtest.h>

#include "core/policy_bench.h"

namespace gemel::core::testing {
namespace {

/// What a watch shows when the holder of `standby()` changes the record.
event::StoreHint watched(std::int64_t revision) {
  auto record = record_of(db1, {db1, db2}, revision).record->record;
  record.state = RecordState::resigned;
  return {Revision{revision}, std::move(record)};
}

TEST(Policy, a_resignation_that_the_watch_shows_is_bid_on_without_reading_it_again) {
  State state = standby();
  const auto first = after(state, watched(11));
  EXPECT_EQ(first.last(), "quiesce");
  EXPECT_EQ(first.find<action::ReadStore>(), nullptr);
  const auto ended = end(state, Slot::heartbeat, Certainty::done, payload::LastConfirmation{state.now});
  const auto* bid = ended.swap(SwapPurpose::bid);
  ASSERT_NE(bid, nullptr);
  EXPECT_EQ(bid->expected, Revision{11});
}

TEST(Policy, a_watch_shows_who_is_in_s_too) {
  State state = standby();
  auto hint = watched(11);
  hint.record->members = {db1};
  EXPECT_FALSE(after(state, hint).fired("quiesce")) << "removed before the holder resigned";
  EXPECT_EQ(state.record()->members, NodeSet{db1});
}

TEST(Policy, a_watch_is_no_measure_of_what_is_known) {
  State old = standby();
  after(old, watched(9));
  EXPECT_EQ(old.record()->state, RecordState::normal) << "older than what is known";
  State other = standby();
  auto hint = watched(11);
  hint.record->epoch = Epoch{other.record()->epoch.value + 1};
  EXPECT_NE(after(other, hint).find<action::ReadStore>(), nullptr) << "another epoch: its history must be read";
  EXPECT_EQ(other.revision(), Revision{10});
  State waiting = standby();
  const auto read_at = waiting.store_read_at;
  after(waiting, watched(11));
  EXPECT_EQ(waiting.store_read_at, read_at) << "etcd was not asked";
}

TEST(Policy, a_holder_and_who_waits_for_an_answer_do_not_believe_a_watch) {
  State holder = primary();
  auto hint = watched(11);
  hint.record->state = RecordState::normal;
  hint.record->members = {db1};
  after(holder, hint);
  EXPECT_EQ(holder.record()->members, (NodeSet{db1, db2})) << "names are relaxed by an own answer only (R2)";
  State bidding = standby();
  after(bidding, watched(11));
  end(bidding, Slot::heartbeat, Certainty::done, payload::LastConfirmation{bidding.now});
  ASSERT_TRUE(bidding.pending.has_value());
  after(bidding, watched(12));
  EXPECT_EQ(bidding.revision(), Revision{11});
}

}  // namespace
}  // namespace gemel::core::testing
