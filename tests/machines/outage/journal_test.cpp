#include "outage/journal.h"

#include <gtest/gtest.h>

namespace gemel::outage {
namespace {

using std::chrono::milliseconds;

Journal journal_of(const std::vector<std::pair<Outcome, int>>& records) {
  Journal journal;
  for (const auto& [outcome, at] : records) journal.record(outcome, milliseconds(at));
  return journal;
}

TEST(Journal, takes_the_longest_gap_between_acknowledgements_only) {
  auto journal = journal_of({{Outcome::acknowledged, 10},
                             {Outcome::acknowledged, 12},
                             {Outcome::unknown, 260},
                             {Outcome::refused, 300},
                             {Outcome::acknowledged, 700},
                             {Outcome::acknowledged, 701}});
  journal.finish(milliseconds(702));
  EXPECT_EQ(journal.longest_gap().from, milliseconds(12));
  EXPECT_EQ(journal.longest_gap().length(), milliseconds(688));
}

TEST(Journal, counts_a_service_that_never_came_back_as_a_gap) {
  auto journal = journal_of({{Outcome::acknowledged, 10}, {Outcome::unknown, 20}});
  journal.finish(milliseconds(5000));
  EXPECT_EQ(journal.longest_gap().length(), milliseconds(4990));
}

TEST(Journal, finds_lost_duplicated_and_phantom_rows) {
  const auto journal = journal_of({{Outcome::acknowledged, 1},
                                   {Outcome::acknowledged, 2},
                                   {Outcome::refused, 3},
                                   {Outcome::unknown, 4},
                                   {Outcome::acknowledged, 5}});
  const auto verdict = journal.verify({{1, 2}, {3, 1}, {4, 1}, {5, 1}, {9, 1}});
  EXPECT_EQ(verdict.lost, std::vector<std::int64_t>{2});
  EXPECT_EQ(verdict.duplicated, std::vector<std::int64_t>{1});
  EXPECT_EQ(verdict.phantom, (std::vector<std::int64_t>{3, 9}));
  EXPECT_EQ(verdict.unknown_present, 1);
  EXPECT_FALSE(verdict.is_clean());
}

TEST(Journal, is_clean_when_unknown_rows_are_there_or_not) {
  const auto journal = journal_of({{Outcome::acknowledged, 1}, {Outcome::unknown, 2}, {Outcome::unknown, 3}});
  EXPECT_TRUE(journal.verify({{1, 1}, {3, 1}}).is_clean());
}

TEST(Journal, writes_ranges_and_json) {
  const auto journal = journal_of(
      {{Outcome::acknowledged, 1}, {Outcome::acknowledged, 2}, {Outcome::unknown, 3}, {Outcome::acknowledged, 4}});
  EXPECT_EQ(journal.acknowledged_ranges(), "1-2,4");
  EXPECT_NE(journal.to_json("c", nullptr).find(R"("acknowledged":3,"unknown":1,"refused":0)"), std::string::npos);
}

}  // namespace
}  // namespace gemel::outage
