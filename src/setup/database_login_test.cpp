#include "setup/database_login.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "runtime/files.h"
#include "site/external_database.h"
#include "site/test_sites.h"

namespace gemel::setup {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string password = "pass:word\\ 4 managers";

class DatabaseLogin : public testing::Test {
 protected:
  DatabaseLogin() {
    char pattern[] = "/tmp/gemel-login-XXXXXX";
    folder_ = mkdtemp(pattern);
    lay("ccm1", site::application_password_file, "password", password + "\n");
    lay("ccm1", site::external_ca_file, "ca", "-----BEGIN CERTIFICATE-----\n");
  }
  ~DatabaseLogin() override { std::filesystem::remove_all(folder_); }
  void lay(const std::string& host, std::string_view path, const std::string& file, const std::string& content) {
    EXPECT_TRUE(runtime::write_file_durably(folder_ / file, content, 0600));
    manifest_.hosts[host].push_back({std::string(path), 0600, "root", "root", false, "", folder_ / file});
  }

  site::Site site_ = *site::parse_site(site::test::external_site(), "site.toml").site;
  site::Manifest manifest_;
  std::filesystem::path folder_;
};

TEST_F(DatabaseLogin, takes_password_and_authorities_by_the_input_alone) {
  const auto command = login_command(site_, manifest_, site_.hosts[0]);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->input, password + "\n-----BEGIN CERTIFICATE-----\n");
  std::string all;
  for (const auto& argument : command->arguments) all += argument + "\n";
  EXPECT_THAT(all, HasSubstr("host=db.example.org port=5433 user=cliqr dbname=gemel sslmode=verify-full"));
  EXPECT_THAT(all, HasSubstr("channel_binding=require"));
  EXPECT_THAT(all, Not(HasSubstr("4 managers")));
}

TEST_F(DatabaseLogin, trusts_the_systems_authorities_where_the_site_names_none) {
  site_.database.external->ca = site::system_ca_file;
  const auto command = login_command(site_, manifest_, site_.hosts[0]);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->arguments.back(), site::system_ca_file);
  EXPECT_EQ(command->input, password + "\n");
}

TEST_F(DatabaseLogin, is_of_managers_with_files_only) {
  EXPECT_FALSE(login_command(site_, manifest_, site_.hosts[2])) << "the balancer";
  EXPECT_FALSE(login_command(site_, manifest_, site_.hosts[1])) << "nothing is rendered for it";
  const auto own = *site::parse_site(site::test::good_site(), "site.toml").site;
  EXPECT_FALSE(login_command(own, manifest_, own.hosts[0]));
}

TEST_F(DatabaseLogin, says_why_nobody_is_let_in) {
  EXPECT_THAT(refusal_of_login({0, "t\n"}), IsEmpty());
  EXPECT_THAT(refusal_of_login({90, ""}), IsEmpty()) << "there is no psql";
  EXPECT_THAT(refusal_of_login({0, "f\n"}), HasSubstr("may not make tables"));
  EXPECT_EQ(refusal_of_login({2, "psql: error: FATAL:\n\tpassword authentication failed\n"}),
            "psql: error: FATAL:  password authentication failed");
  EXPECT_THAT(refusal_of_login({1, ""}), HasSubstr("ended with 1"));
}

}  // namespace
}  // namespace gemel::setup
