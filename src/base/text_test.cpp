#include "base/text.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace gemel {
namespace {

TEST(Text, splits_and_keeps_empty_parts) { EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"})); }
TEST(Text, trims_white_space_at_both_ends) { EXPECT_EQ(trim(" \ta b\n"), "a b"); }
TEST(Text, prints_a_set_of_nodes) { EXPECT_EQ(to_string(NodeSet{{"db2"}, {"db1"}}), "{db1, db2}"); }

TEST(Random, repeats_for_a_seed_and_differs_between_seeds) {
  Random first(7), again(7), other(8);
  const auto value = first.next();
  EXPECT_EQ(value, again.next());
  EXPECT_NE(value, other.next());
  for (int round = 0; round < 1000; ++round) EXPECT_LT(first.below(10), 10U);
}

}  // namespace
}  // namespace gemel
