#include "api/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gemel::api {
namespace {

using ::testing::ElementsAre;

TEST(ReadinessAnswer, names_what_is_not_good_whether_it_counts_yet_or_not) {
  const auto early = parse_readiness(
      R"({"ready":true,"failing":[],"checks":[{"name":"serving","good":true,"detail":"accepts requests"},)"
      R"({"name":"database","good":false,"detail":"no answer for 0.3 s: not asked yet"}]})");
  ASSERT_TRUE(early) << early.error().to_string();
  EXPECT_TRUE(early->ready);
  EXPECT_EQ(failing_checks(*early), "database: no answer for 0.3 s: not asked yet");
  const auto good = parse_readiness(R"({"ready":true,"checks":[{"name":"serving","good":true,"detail":"x"}]})");
  EXPECT_EQ(failing_checks(*good), "");
  const auto late = parse_readiness(
      R"({"ready":false,"failing":["serving"],"checks":[{"name":"serving","good":false,"detail":"x"}]})");
  EXPECT_FALSE(late->ready);
  EXPECT_THAT(late->failing, ElementsAre("serving"));
}

TEST(ReadinessAnswer, takes_nothing_else_for_one) {
  EXPECT_FALSE(parse_readiness("<html>"));
  EXPECT_FALSE(parse_readiness("{}")) << "no checks";
  EXPECT_FALSE(parse_readiness(R"({"ready":"yes","checks":[]})"));
}

}  // namespace
}  // namespace gemel::api
