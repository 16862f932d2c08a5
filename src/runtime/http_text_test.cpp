#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/http.h"

namespace gemel::runtime {
namespace {

using testing::HasSubstr;

TEST(HttpText, splits_a_target) {
  const auto target = parse_target("/replica?lag=10%20MB&x=a%2Bb+c&flag&bad=%zz");
  EXPECT_EQ(target.path, "/replica");
  EXPECT_EQ(target.query.at("lag"), "10 MB");
  EXPECT_EQ(target.query.at("x"), "a+b c");
  EXPECT_EQ(target.query.at("flag"), "");
  EXPECT_EQ(target.query.at("bad"), "%zz");
}

TEST(HttpText, a_problem_is_json_whatever_its_detail) {
  const auto response = problem(409, "not_primary", "say \"no\"\n");
  EXPECT_EQ(response.status, 409U);
  EXPECT_EQ(response.headers.at("content-type"), "application/problem+json");
  EXPECT_THAT(response.body, HasSubstr(R"("detail":"say \"no\"\u000a")"));
}

}  // namespace
}  // namespace gemel::runtime
