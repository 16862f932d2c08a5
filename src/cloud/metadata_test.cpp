#include "cloud/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gemel::cloud {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

// 2026-11-23T20:00:00Z
constexpr seconds now(1'795'464'000);

std::string keys(const std::string& expiration) {
  return R"({"Code":"Success","LastUpdated":"2026-11-23T14:00:00Z","Type":"AWS-HMAC","AccessKeyId":"ASIAEXAMPLE",)"
         R"("SecretAccessKey":"secret","Token":"session","Expiration":")" +
         expiration + "\"}";
}

TEST(Metadata, is_asked_in_version_2_only) {
  const auto token = metadata_token_request();
  EXPECT_EQ(token.method, "PUT");
  EXPECT_EQ(token.target, "/latest/api/token");
  EXPECT_EQ(token.headers.at("x-aws-ec2-metadata-token-ttl-seconds"), "60");
  const auto request = metadata_request("t0", metadata_of_interface("02:00:00:00:00:01", "interface-id"));
  EXPECT_EQ(request.target, "/latest/meta-data/network/interfaces/macs/02:00:00:00:00:01/interface-id");
  EXPECT_EQ(request.headers.at("x-aws-ec2-metadata-token"), "t0");
}

TEST(Metadata, times_are_read_to_the_second) {
  EXPECT_EQ(read_time("2026-11-23T20:00:00Z"), now);
  EXPECT_EQ(read_time("2026-11-23T20:00:00.123456Z"), now);
  EXPECT_EQ(read_time("tomorrow"), seconds(0));
  EXPECT_EQ(read_time(""), seconds(0));
}

TEST(Metadata, keys_hold_until_their_end) {
  const auto good = read_keys(keys("2026-11-23T20:00:01Z"), now);
  ASSERT_TRUE(good) << good.error().to_string();
  EXPECT_EQ(good->id, "ASIAEXAMPLE");
  EXPECT_EQ(good->secret, "secret");
  EXPECT_EQ(good->session, "session");
  const auto late = read_keys(keys("2026-11-23T20:00:00Z"), now);
  EXPECT_EQ(late.error().code, ErrorCode::unavailable);
  EXPECT_THAT(late.error().message, HasSubstr("have expired"));
}

TEST(Metadata, no_keys_are_no_keys) {
  const auto refused = read_keys(R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"cannot assume"})", now);
  EXPECT_EQ(refused.error().code, ErrorCode::denied);
  EXPECT_THAT(refused.error().message, HasSubstr("cannot assume"));
  for (const auto* body : {"", "[]", "<html>", R"({"Code":"Success","AccessKeyId":"A"})"})
    EXPECT_EQ(read_keys(body, now).error().code, ErrorCode::corrupt) << body;
}

}  // namespace
}  // namespace gemel::cloud
