// The table of what several answers to one compare-and-swap mean together, and a search over all orders in which three
// attempts and another writer can be applied.
#include "adapters/etcd/decide_swap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace gemel::adapters::etcd {
namespace {

Attempt pending() { return {}; }
Attempt silent() {
  return {.end = AttemptEnd::silent, .revision = {}, .history_node = {}, .seen = {}, .reason = "broken"};
}
Attempt not_sent() {
  return {.end = AttemptEnd::not_sent, .revision = {}, .history_node = {}, .seen = {}, .reason = "down"};
}
Attempt done(std::int64_t revision) {
  Attempt attempt;
  attempt.end = AttemptEnd::done;
  attempt.revision = Revision{revision};
  return attempt;
}
struct At {
  std::int64_t revision = 0;
  std::int64_t version = 0;
};
Attempt refused(At at) {
  Attempt attempt;
  attempt.end = AttemptEnd::refused;
  attempt.revision = Revision{at.revision};
  attempt.version = at.version;
  attempt.seen.emplace();
  return attempt;
}
Attempt ours(std::int64_t revision) {
  Attempt attempt = refused({revision, 0});
  attempt.is_ours = true;
  return attempt;
}
Attempt with_entry_of(const char* node, Attempt attempt) {
  attempt.history_node = NodeId{node};
  return attempt;
}

SwapQuestion plain() { return {.expected = Revision{10}, .expected_version = {}, .history_node = {}}; }
SwapQuestion versioned() { return {.expected = Revision{10}, .expected_version = 4, .history_node = {}}; }
SwapQuestion bid() { return {.expected = Revision{10}, .expected_version = {}, .history_node = NodeId{"db2"}}; }

Certainty certain(const SwapQuestion& question, const std::vector<Attempt>& attempts) {
  return decide_swap(question, attempts, true)->certainty;
}
bool waits(const SwapQuestion& question, const std::vector<Attempt>& attempts) {
  return !decide_swap(question, attempts, false).has_value();
}

TEST(DecideSwap, is_done_with_the_first_done) {
  const auto answer = decide_swap(plain(), {refused({15, 0}), done(11), pending()}, false);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->certainty, Certainty::done);
  EXPECT_EQ(answer->revision, Revision{11});
}

TEST(DecideSwap, is_done_when_a_refusal_shows_our_token) {
  const auto answer = decide_swap(plain(), {ours(11), silent(), pending()}, false);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->certainty, Certainty::done);
  EXPECT_EQ(answer->revision, Revision{11});
}

TEST(DecideSwap, is_unknown_when_a_silent_attempt_may_have_come_first) {
  EXPECT_EQ(certain(plain(), {refused({12, 0}), refused({12, 0}), silent()}), Certainty::unknown);
  EXPECT_EQ(certain(plain(), {refused({12, 0}), pending(), not_sent()}), Certainty::unknown);
  EXPECT_TRUE(waits(plain(), {refused({12, 0}), pending(), not_sent()}));
}

TEST(DecideSwap, is_refused_when_every_attempt_was_or_was_never_sent) {
  const auto answer = decide_swap(plain(), {refused({12, 0}), not_sent(), refused({13, 0})}, false);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->certainty, Certainty::refused);
  EXPECT_TRUE(answer->seen);
  const auto unsent = decide_swap(plain(), {not_sent(), not_sent()}, false);
  ASSERT_TRUE(unsent);
  EXPECT_EQ(unsent->certainty, Certainty::refused);
  EXPECT_FALSE(unsent->seen);
}

TEST(DecideSwap, is_refused_at_once_when_exactly_one_write_came_between) {
  EXPECT_EQ(decide_swap(versioned(), {refused({12, 5}), pending(), silent()}, false)->certainty, Certainty::refused);
  EXPECT_TRUE(waits(versioned(), {refused({14, 6}), pending(), silent()}));
  EXPECT_EQ(certain(versioned(), {refused({14, 6}), silent()}), Certainty::unknown);
}

TEST(DecideSwap, uses_the_history_entry_as_proof) {
  EXPECT_EQ(certain(bid(), {refused({14, 6}), silent()}), Certainty::refused) << "no entry: ours never happened";
  EXPECT_EQ(certain(bid(), {with_entry_of("db1", refused({14, 6})), silent()}), Certainty::refused)
      << "entry of another";
  EXPECT_EQ(certain(bid(), {with_entry_of("db2", refused({14, 6})), silent()}), Certainty::unknown) << "perhaps ours";
  EXPECT_EQ(certain(bid(), {with_entry_of("db2", refused({10, 4})), silent()}), Certainty::refused)
      << "it was there before";
}

TEST(DecideSwap, believes_no_answer_that_contradicts_itself) {
  EXPECT_EQ(certain(plain(), {refused({10, 4})}), Certainty::unknown) << "compares equal, yet refused";
}

TEST(DecideSwap, shows_what_a_store_that_lost_data_holds) {
  const auto answer = decide_swap(versioned(), {silent(), refused({9, 5}), pending()}, false);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->certainty, Certainty::refused);
  EXPECT_TRUE(answer->seen) << "the proof that the record was set back";
}

TEST(DecideSwap, waits_only_while_something_is_pending) {
  EXPECT_TRUE(waits(plain(), {pending(), pending(), pending()}));
  EXPECT_TRUE(waits(plain(), {silent(), not_sent(), pending()}));
  EXPECT_FALSE(waits(plain(), {silent(), silent(), not_sent()}));
  EXPECT_EQ(certain(plain(), {pending(), pending()}), Certainty::unknown);
  EXPECT_EQ(certain(plain(), {silent(), not_sent()}), Certainty::unknown);
}

/// One log: three attempts of ours (0..2), one write of another at any place that replaces what is there then, and a
/// third writer behind it; each answer may be lost. The verdict must never contradict what the log did.
class EveryOrder : public testing::TestWithParam<bool> {};

TEST_P(EveryOrder, never_denies_and_never_invents_an_effect) {
  std::array<int, 5> order{0, 1, 2, 3, 4};
  int verdicts[3] = {0, 0, 0};
  do {
    for (unsigned lost = 0; lost < 8; ++lost) {
      for (unsigned writers = 0; writers < 4; ++writers) {
        std::int64_t revision = 10;
        std::int64_t version = 4;
        bool is_ours = false;
        bool has_effect = false;
        std::vector<Attempt> attempts(3);
        for (const int step : order) {
          if (step >= 3) {
            if ((writers & (1U << (step - 3))) == 0) continue;
            revision += 1, version += 1, is_ours = false;
          } else if (revision == 10) {
            revision += 1, version += 1, is_ours = has_effect = true;
            attempts[static_cast<std::size_t>(step)] = done(revision);
          } else {
            attempts[static_cast<std::size_t>(step)] = is_ours ? ours(revision) : refused({revision, version});
          }
        }
        for (std::size_t index = 0; index < 3; ++index)
          if ((lost & (1U << index)) != 0) attempts[index] = silent();
        SwapQuestion question = plain();
        if (GetParam()) question.expected_version = 4;
        const Certainty verdict = certain(question, attempts);
        ++verdicts[static_cast<int>(verdict)];
        if (verdict == Certainty::done) EXPECT_TRUE(has_effect);
        if (verdict == Certainty::refused) EXPECT_FALSE(has_effect);
        if (lost == 0) EXPECT_NE(verdict, Certainty::unknown);
      }
    }
  } while (std::ranges::next_permutation(order).found);
  for (const int count : verdicts) EXPECT_GT(count, 0);
}

INSTANTIATE_TEST_SUITE_P(DecideSwap, EveryOrder, testing::Bool());

}  // namespace
}  // namespace gemel::adapters::etcd
