#include "manager/database_ways.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "manager/run_task.h"

namespace gemel::manager {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class DatabaseWaysTest : public ::testing::Test {
 protected:
  DatabaseWaysTest() {
    char pattern[] = "/tmp/gemel-ways-XXXXXX";
    config_.directories.etc = mkdtemp(pattern);
    std::filesystem::create_directories(config_.directories.etc / "secrets");
    put("application.password", "it's \\ secret\n");
    config_.vip = site::FloatingAddress{"10.0.0.100", 24};
  }
  ~DatabaseWaysTest() override { std::filesystem::remove_all(config_.directories.etc); }
  void put(const std::string& name, const std::string& text) { std::ofstream(config_.secret(name)) << text; }
  void set_external(const std::string& name) {
    config_.vip.reset();
    config_.database.external = site::ExternalDatabase{name, 5433, "/x/provider-ca.pem"};
  }
  Result<std::vector<std::string>> find(DatabaseWays& ways) { return testing::run_task(loop_, ways.find(5s)); }
  std::vector<std::string> find() {
    DatabaseWays ways(config_);
    const auto found = find(ways);
    EXPECT_TRUE(found) << found.error().to_string();
    return found.value_or(std::vector<std::string>{});
  }

  boost::asio::io_context loop_{1};
  site::HostConfig config_;
};

TEST_F(DatabaseWaysTest, leads_to_the_floating_address_verified_and_quoted) {
  const auto ways = find();
  ASSERT_THAT(ways, SizeIs(1));
  EXPECT_THAT(ways[0], AllOf(HasSubstr("host='10.0.0.100' hostaddr='10.0.0.100'"), HasSubstr("port='5432'"),
                             HasSubstr("sslmode='verify-full'"), HasSubstr("/pki/db-ca.crt'"),
                             HasSubstr("channel_binding='require'"), HasSubstr("it\\'s \\\\ secret")));
  config_.vip.reset();
  EXPECT_EQ(DatabaseWays(config_).check().error().code, ErrorCode::invalid);
}

TEST_F(DatabaseWaysTest, knows_both_passwords_while_one_is_being_rotated) {
  put("application.password.next", "another\n");
  const auto ways = find();
  ASSERT_THAT(ways, SizeIs(2));
  EXPECT_THAT(ways.front(), HasSubstr("it\\'s \\\\ secret"));
  EXPECT_THAT(ways.back(), HasSubstr("password='another'"));
}

TEST_F(DatabaseWaysTest, an_external_database_is_verified_by_its_name_against_its_providers_authority) {
  set_external("localhost");
  const auto ways = find();
  ASSERT_FALSE(ways.empty()) << "an address for each way";
  EXPECT_THAT(ways, Each(AllOf(HasSubstr("host='localhost'"), HasSubstr("port='5433'"),
                               HasSubstr("sslmode='verify-full'"), HasSubstr("sslrootcert='/x/provider-ca.pem'"),
                               HasSubstr("channel_binding='require'"), Not(HasSubstr("hostaddr='localhost'")))));
  EXPECT_TRUE(ways[0].contains("hostaddr='127.0.0.1'") || ways[0].contains("hostaddr='::1'")) << ways[0];
}

TEST_F(DatabaseWaysTest, an_address_is_asked_of_nobody) {
  set_external("fd00::5");
  const auto ways = find();
  ASSERT_THAT(ways, SizeIs(1));
  EXPECT_THAT(ways[0], HasSubstr("host='fd00::5' hostaddr='fd00::5'"));
}

TEST_F(DatabaseWaysTest, says_what_is_missing) {
  set_external("no-such-name.invalid");
  DatabaseWays unknown(config_);
  const auto found = find(unknown);
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().to_string(), HasSubstr("no address for no-such-name.invalid"));
  std::filesystem::remove(config_.secret("application.password"));
  EXPECT_THAT(DatabaseWays(config_).check().error().to_string(), HasSubstr("database password"));
}

}  // namespace
}  // namespace gemel::manager
