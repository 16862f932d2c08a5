// The models on their own: agenda, clocks, logs, network, etcd.
#include <gtest/gtest.h>

#include <chrono>

#include "sim/agenda.h"
#include "sim/checker.h"
#include "sim/etcd.h"
#include "sim/host_clock.h"

namespace gemel::sim {
namespace {

using std::chrono::milliseconds;

TEST(Agenda, runs_in_the_order_of_time_and_then_of_asking) {
  Agenda agenda;
  static std::string order;
  order.clear();
  agenda.after(milliseconds(2), [] { order += 'c'; });
  agenda.after(milliseconds(1), [] { order += 'a'; });
  agenda.after(milliseconds(1), [] { order += 'b'; });
  const TimePoint end = agenda.now() + milliseconds(2);
  while (agenda.run_next(end)) {
  }
  EXPECT_EQ(order, "abc");
  EXPECT_EQ(agenda.now(), end);
}

TEST(HostClock, runs_at_its_own_rate_and_stands_still_when_suspended) {
  const TimePoint begin{milliseconds(1000)};
  HostClock clock(1.1, begin, TimePoint{milliseconds(5000)});
  EXPECT_EQ(clock.own(begin + milliseconds(100)).since_boot / milliseconds(1), 5110);
  EXPECT_EQ(
      (clock.true_time(TimePoint{milliseconds(5110)}).since_boot + std::chrono::microseconds(1)) / milliseconds(1),
      1100);
  clock.stop(begin + milliseconds(100));
  EXPECT_EQ(clock.own(begin + milliseconds(900)), clock.own(begin + milliseconds(100)));
  clock.go_on(begin + milliseconds(900));
  EXPECT_EQ(clock.own(begin + milliseconds(1000)).since_boot / milliseconds(1), 5220);
}

TEST(WalTree, tells_forks_from_continuations) {
  WalTree tree;
  Log root;
  for (int row = 0; row < 10; ++row) tree.append(root, {});
  Log left = tree.fork({0, 8});
  Log right = tree.fork({0, 6});
  tree.append(left, {});
  tree.append(right, {});
  EXPECT_TRUE(tree.contains(left, {0, 8}));
  EXPECT_FALSE(tree.contains(left, {0, 9}));
  EXPECT_FALSE(tree.contains(left, right));
  EXPECT_FALSE(tree.contains(root, left));
  EXPECT_EQ(tree.common(left, right), (Log{0, 6}));
  EXPECT_TRUE(tree.contains(root, {left.branch, 8}));  // nothing of the branch itself
}

TEST(WalTree, forgets_rows_after_a_cut) {
  WalTree tree;
  Log log;
  tree.append(log, {RowKind::append, 1});
  tree.append(log, {RowKind::append, 2});
  log.end = 1;
  tree.append(log, {RowKind::append, 3});
  std::vector<std::uint32_t> seen;
  tree.for_each(log, [&](Row row) { seen.push_back(row.operation); });
  EXPECT_EQ(seen, (std::vector<std::uint32_t>{1, 3}));
}

TEST(Network, cuts_one_direction_or_one_kind_of_traffic) {
  Network network;
  network.cut(0, 1, Traffic::datagrams);
  EXPECT_FALSE(network.passes_datagrams(0, 1));
  EXPECT_TRUE(network.passes_datagrams(1, 0));
  EXPECT_TRUE(network.connects(0, 1));
  network.cut(0, 1, Traffic::all);
  EXPECT_FALSE(network.connects(1, 0));
  network.restore(0, 1, Traffic::all);
  EXPECT_TRUE(network.connects(1, 0));
  EXPECT_FALSE(network.passes_datagrams(0, 1));
}

core::action::SwapRecord swap_of(std::uint64_t epoch, Revision expected) {
  core::action::SwapRecord swap;
  swap.expected = expected;
  swap.next.epoch = Epoch{epoch};
  return swap;
}

TEST(Etcd, compares_and_remembers_the_past) {
  Etcd etcd({0, 1, 2});
  const auto first = etcd.commit(swap_of(1, Revision{}));
  ASSERT_TRUE(first);
  EXPECT_FALSE(etcd.commit(swap_of(2, Revision{})));
  ASSERT_TRUE(etcd.commit(swap_of(2, *first)));
  EXPECT_EQ(etcd.view().record->record.epoch, Epoch{2});
  EXPECT_EQ(etcd.view_before(1).record->record.epoch, Epoch{1});
  etcd.restore(1);
  EXPECT_EQ(etcd.view().record->record.epoch, Epoch{1});
}

TEST(Etcd, needs_a_leader_with_a_majority) {
  Etcd etcd({0, 1, 2});
  Network network;
  Random random(1);
  std::array<bool, most_places> is_up{};
  is_up.fill(true);
  const TimePoint now{milliseconds(1)};
  EXPECT_TRUE(etcd.serves(0, network, is_up, now));
  for (const Place other : {Place{1}, Place{2}}) network.cut(0, other, Traffic::all);  // the leader's
  EXPECT_FALSE(etcd.serves(1, network, is_up, now));
  EXPECT_TRUE(etcd.look_after_leader(network, is_up, now, random));
  EXPECT_FALSE(etcd.serves(1, network, is_up, now + milliseconds(199)));
  EXPECT_TRUE(etcd.serves(1, network, is_up, now + milliseconds(3000)));
  EXPECT_FALSE(etcd.serves(0, network, is_up, now + milliseconds(3000)));
}

TEST(Checker, notices_each_offence_against_the_record) {
  const auto complaint = [](auto offend) {
    WalTree tree;
    Checker checker(tree);
    core::VersionedRecord before;
    before.record.epoch = Epoch{3};
    before.record.holder = NodeId{"db1"};
    before.record.members = {NodeId{"db1"}};
    core::Record next = before.record;
    offend(next);
    checker.record_changes(before, next);
    return checker.violation().substr(0, 3);
  };
  EXPECT_EQ(complaint([](core::Record&) {}), "");
  EXPECT_EQ(complaint([](core::Record& next) { next.members.clear(); }), "I2:");
  EXPECT_EQ(complaint([](core::Record& next) { next.epoch = Epoch{5}; }), "I3:");
  EXPECT_EQ(complaint([](core::Record& next) {
              next.holder = NodeId{"db2"};
              next.members.insert(NodeId{"db2"});
            }),
            "I3:");
  EXPECT_EQ(complaint([](core::Record& next) {
              next.epoch = Epoch{4};
              next.holder = NodeId{"db2"};
              next.members.insert(NodeId{"db2"});
            }),
            "I2:");
}

TEST(Checker, notices_calls_of_an_actuator_without_the_right_epoch) {
  WalTree tree;
  Checker lower(tree);
  lower.actuator_called(NodeId{"db1"}, Epoch{2}, Epoch{3});
  EXPECT_TRUE(lower.violation().starts_with("I7"));
  Checker never_held(tree);
  never_held.actuator_called(NodeId{"db1"}, Epoch{2}, Epoch{});
  EXPECT_TRUE(never_held.violation().starts_with("I7"));
}

TEST(Checker, notices_a_member_that_lacks_what_must_be_kept) {
  WalTree tree;
  Log log;
  for (int row = 0; row < 4; ++row) tree.append(log, {});
  Checker acknowledged(tree);
  acknowledged.must_keep(log, true);
  acknowledged.member_holds(log, "db1");
  EXPECT_EQ(acknowledged.violation(), "");
  acknowledged.member_holds({0, 3}, "db2");
  EXPECT_TRUE(acknowledged.violation().starts_with("I1"));
  Checker seen(tree);
  seen.must_keep(log, false);
  seen.member_holds({0, 3}, "db2");
  EXPECT_TRUE(seen.violation().starts_with("I6"));
}

TEST(Checker, judges_only_what_can_be_known_once_a_restored_record_was_changed) {
  const WalTree tree;
  Checker checker(tree);
  checker.record_lost();
  checker.violate("I1: lost with the record");
  EXPECT_EQ(checker.violation(), "");
  checker.violate("R8: served all the same");
  EXPECT_NE(checker.violation(), "");
}

}  // namespace
}  // namespace gemel::sim
