// Known answers, and agreement with a search that tries every order on small random histories.
#include "torture/linearizable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace gemel::torture {
namespace {

using Operation = RegisterOperation;
using Kind = Operation::Kind;

Operation read(std::int64_t value, Time from, Time to) { return {.value = value, .from = from, .to = to}; }
Operation write(std::int64_t value, Time from, Time to = Operation::never) {
  return {.kind = Kind::write, .value = value, .from = from, .to = to};
}
Operation cas(std::int64_t expected, std::int64_t value, bool is_swapped, Time from, Time to = Operation::never) {
  return {.kind = Kind::cas, .value = value, .expected = expected, .is_swapped = is_swapped, .from = from, .to = to};
}

bool holds(const std::vector<Operation>& operations) { return judge_register(operations) == Judgement::linearizable; }
bool breaks(const std::vector<Operation>& operations) { return judge_register(operations) == Judgement::violated; }

TEST(Linearizable, accepts_one_after_the_other) {
  EXPECT_TRUE(holds({}));
  EXPECT_TRUE(holds(
      {read(0, 1, 2), write(1, 3, 4), read(1, 5, 6), cas(1, 2, true, 7, 8), cas(1, 3, false, 9, 10), read(2, 11, 12)}));
}

TEST(Linearizable, lets_a_read_beside_a_write_return_either_value) {
  EXPECT_TRUE(holds({write(1, 1, 10), read(0, 2, 3), read(1, 4, 5)}));
  EXPECT_TRUE(breaks({write(1, 1, 10), read(1, 2, 3), read(0, 4, 5)}));  // seen, then unseen
}

TEST(Linearizable, finds_a_stale_read) { EXPECT_TRUE(breaks({write(1, 1, 2), write(2, 3, 4), read(1, 5, 6)})); }

TEST(Linearizable, finds_a_lost_update) {
  EXPECT_TRUE(breaks({write(1, 1, 2), read(0, 3, 4)}));
  EXPECT_TRUE(breaks({write(1, 1, 2), cas(1, 2, true, 3, 6), cas(1, 3, true, 4, 7)}));  // both found the 1
}

TEST(Linearizable, finds_a_swap_that_was_denied_without_reason) {
  EXPECT_TRUE(breaks({write(1, 1, 2), cas(1, 2, false, 3, 4)}));
}

TEST(Linearizable, lets_an_unknown_write_happen_late_or_never_but_once) {
  EXPECT_TRUE(holds({write(1, 1), read(0, 2, 3), read(0, 4, 5)}));
  EXPECT_TRUE(holds({write(1, 1), read(0, 2, 3), read(1, 4, 5)}));
  EXPECT_TRUE(breaks({write(1, 1), read(1, 2, 3), write(2, 4, 5), read(1, 6, 7)}));  // it came back
  EXPECT_TRUE(breaks({read(1, 1, 2), write(1, 3)}));                                 // read before it was sent
  EXPECT_TRUE(holds({write(1, 1, 2), cas(1, 2, true, 3), read(2, 4, 5)}));
  EXPECT_TRUE(breaks({write(1, 1, 2), cas(3, 2, true, 3), read(2, 4, 5)}));
}

TEST(Linearizable, gives_up_when_told_to) {
  std::vector<Operation> many;
  for (int value = 1; value <= 30; ++value) many.push_back(write(value, 1, 100));
  many.push_back(read(77, 200, 201));
  EXPECT_EQ(judge_register(many, 0, 1000), Judgement::undecided);
}

TEST(Linearizable, judges_a_thousand_operations_with_open_ones_among_them) {
  std::vector<Operation> history;
  Time time = 0;
  for (std::int64_t value = 1; value <= 600; ++value, time += 10) {
    history.push_back(write(value, time, time + 8));
    history.push_back(read(value, time + 1, time + 9));
    if (value % 200 == 0) history.push_back(write(1'000'000 + value, time));
  }
  EXPECT_TRUE(holds(history));
  history.push_back(read(598, time, time + 1));
  EXPECT_TRUE(breaks(history));
}

/// Tries every order of every choice of open operations; the definition, spelled out.
bool try_every_order(const std::vector<Operation>& operations, std::vector<bool>& used, std::int64_t value) {
  bool all_closed_used = true;
  for (std::size_t index = 0; index < operations.size(); ++index)
    all_closed_used = all_closed_used && (used[index] || operations[index].is_open());
  if (all_closed_used) return true;
  for (std::size_t index = 0; index < operations.size(); ++index) {
    if (used[index]) continue;
    const auto& next = operations[index];
    const auto must_come_first = [&](std::size_t other) { return !used[other] && operations[other].to < next.from; };
    bool is_free = true;
    for (std::size_t other = 0; other < operations.size(); ++other) is_free = is_free && !must_come_first(other);
    if (!is_free) continue;
    auto after = value;
    if (next.kind == Kind::read && next.value != value) continue;
    if (next.kind == Kind::write) after = next.value;
    if (next.kind == Kind::cas) {
      if (next.is_swapped != (next.expected == value)) continue;
      if (next.is_swapped) after = next.value;
    }
    used[index] = true;
    const bool works = try_every_order(operations, used, after);
    used[index] = false;
    if (works) return true;
  }
  return false;
}

TEST(Linearizable, always_agrees_with_the_search_of_every_order) {
  const unsigned seed = 20'261'122;
  std::mt19937 random(seed);
  const auto draw = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  int linear = 0, broken = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<Operation> history;
    const int count = 1 + draw(6);
    for (int index = 0; index < count; ++index) {
      // Few values and times, so that collisions of all kinds are frequent.
      Operation operation{.kind = static_cast<Kind>(draw(3)), .value = draw(3), .expected = draw(3), .from = draw(10)};
      operation.to = operation.from + draw(6);
      if (operation.kind == Kind::cas) operation.is_swapped = draw(2) == 0;
      const bool may_be_open = operation.kind == Kind::write || (operation.kind == Kind::cas && operation.is_swapped);
      if (may_be_open && draw(4) == 0) operation.to = Operation::never;
      history.push_back(operation);
    }
    std::vector<bool> used(history.size());
    const bool expected = try_every_order(history, used, 0);
    ++(expected ? linear : broken);
    ASSERT_EQ(judge_register(history), expected ? Judgement::linearizable : Judgement::violated)
        << "seed " << seed << ", round " << round;
  }
  EXPECT_GT(linear, 1000);
  EXPECT_GT(broken, 1000);
}

}  // namespace
}  // namespace gemel::torture
