#include "agent/manager_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/test_loop.h"
#include "site/site.h"
#include "site/test_sites.h"

namespace gemel::agent {
namespace {

using ::testing::HasSubstr;

api::ManagerStatus described(const std::string& body) {
  api::ManagerStatus status;
  status.is_database_reached = true;
  status.reason = "of before";
  describe_readiness(body, status);
  EXPECT_TRUE(status.is_answering);
  return status;
}

std::string readyz(const std::string& is_good, const std::string& detail) {
  return R"({"ready":true,"failing":[],"checks":[{"name":"serving","good":true,"detail":"accepts requests"},)"
         R"({"name":"database","good":)" +
         is_good + R"(,"detail":")" + detail + R"("}]})";
}

TEST(ManagerWatch, says_whether_the_manager_reaches_its_database) {
  EXPECT_TRUE(described(readyz("true", "answers")).is_database_reached);
  EXPECT_EQ(described(readyz("true", "answers")).reason, "");
  // Also while the manager still counts as ready: a database that may be failing over is not reached.
  const auto away = described(readyz("false", "no answer for 3.0 s: certificate verify failed"));
  EXPECT_FALSE(away.is_database_reached);
  EXPECT_EQ(away.reason, "no answer for 3.0 s: certificate verify failed");
}

TEST(ManagerWatch, believes_no_other_answer) {
  for (const auto* body : {"<html>", "{}", R"({"checks":[{"name":"serving","good":true,"detail":""}]})"}) {
    const auto status = described(body);
    EXPECT_FALSE(status.is_database_reached) << body;
    EXPECT_FALSE(status.reason.empty()) << body;
  }
}

runtime::Task<void> watch(boost::asio::any_io_executor executor, site::HostConfig config, api::ManagerStatus* status) {
  ManagerWatch watch(executor, config);
  while (watch.describe().reason.contains("not asked")) co_await runtime::sleep_for(std::chrono::milliseconds(5));
  *status = watch.describe();
  co_await watch.stop();
}

TEST(ManagerWatch, says_why_a_manager_cannot_be_asked) {
  const auto site = *site::parse_site(site::test::external_site(), "site.toml").site;
  auto config = site::host_config(site, "", site.hosts[0]);
  config.directories.etc = "/nowhere";
  runtime::TestLoop loop;
  api::ManagerStatus status;
  loop.run(watch(loop.executor(), config, &status));
  EXPECT_EQ(status.database, "db.example.org:5433");
  EXPECT_FALSE(status.is_answering);
  EXPECT_THAT(status.reason, HasSubstr("cannot be asked"));
}

}  // namespace
}  // namespace gemel::agent
