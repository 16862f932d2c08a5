// The script that signs in beforehand, run here against a real PostgreSQL 15 as a provider would have it. It needs
// psql.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "runtime/files.h"
#include "runtime/test_certificates.h"
#include "runtime/test_loop.h"
#include "setup/database_login.h"
#include "setup/host_facts_script.h"
#include "site/external_database.h"
#include "site/test_sites.h"
#include "support/local_postgres.h"

namespace gemel::setup {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::Postgres;

runtime::Task<void> run_here(RemoteCommand command, std::filesystem::path input, runtime::CommandResult* result) {
  runtime::ChildSpec spec;
  spec.arguments = std::move(command.arguments);
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  spec.input = std::move(input);
  const auto said = co_await runtime::run_command(spec, command.limit);
  EXPECT_TRUE(said) << said.error().to_string();
  *result = said.value_or(runtime::CommandResult{});
}

class DatabaseLoginContract : public testing::Test {
 protected:
  DatabaseLoginContract() {
    char pattern[] = "/tmp/gemel-login-XXXXXX";
    folder_ = mkdtemp(pattern);
    const auto files = provider_.issue_for_loopback("provider");
    site_.database.external = site::ExternalDatabase{"localhost", postgres_.port(), site::external_ca_file};
    lay(site::application_password_file, "password", "it's a pass:word\\ of the provider\n");
    lay(site::external_ca_file, "ca", *runtime::read_file(files.ca));
    postgres_.use_tls(files.certificate, files.key);
    EXPECT_TRUE(postgres_.start());
    EXPECT_TRUE(postgres_.sql("postgres", "CREATE ROLE cliqr LOGIN PASSWORD 'it''s a pass:word\\ of the provider'"));
    EXPECT_TRUE(postgres_.sql("postgres", "CREATE DATABASE gemel OWNER cliqr"));
  }
  ~DatabaseLoginContract() override { std::filesystem::remove_all(folder_); }
  void lay(std::string_view path, const std::string& file, const std::string& content) {
    ASSERT_TRUE(runtime::write_file_durably(folder_ / file, content, 0600));
    auto& files = manifest_.hosts["ccm1"];
    std::erase_if(files, [&](const site::ManifestFile& each) { return each.path == path; });
    files.push_back({std::string(path), 0600, "root", "root", false, "", folder_ / file});
  }
  std::string refusal() {
    const auto command = login_command(site_, manifest_, site_.hosts[0]);
    EXPECT_TRUE(command);
    EXPECT_TRUE(runtime::write_file_durably(folder_ / "input", command->input, 0600));
    runtime::CommandResult result;
    loop_.run(run_here(*command, folder_ / "input", &result));
    EXPECT_NE(result.exit_code, 90) << "there is no psql here";
    return refusal_of_login(result);
  }

  runtime::TestLoop loop_;
  runtime::TestAuthority provider_{"provider"};
  Postgres postgres_;
  site::Site site_ = *site::parse_site(site::test::external_site(), "site.toml").site;
  site::Manifest manifest_;
  std::filesystem::path folder_;
};

TEST_F(DatabaseLoginContract, lets_the_managers_in) { EXPECT_THAT(refusal(), IsEmpty()); }

TEST_F(DatabaseLoginContract, says_what_is_wrong) {
  const runtime::TestAuthority other("other");
  lay(site::external_ca_file, "other", *runtime::read_file(other.trust().ca));
  EXPECT_THAT(refusal(), HasSubstr("certificate verify failed"));
  lay(site::external_ca_file, "ca", *runtime::read_file(provider_.trust().ca));
  lay(site::application_password_file, "wrong", "another password\n");
  EXPECT_THAT(refusal(), HasSubstr("password authentication failed"));
  site_.database.database_name = "absent";
  lay(site::application_password_file, "password", "it's a pass:word\\ of the provider\n");
  EXPECT_THAT(refusal(), HasSubstr("database \"absent\" does not exist"));
  site_.database.database_name = "gemel";
  ASSERT_TRUE(postgres_.sql("postgres", "ALTER DATABASE gemel OWNER TO postgres"));
  EXPECT_THAT(refusal(), HasSubstr("may not make tables"));
  for (const auto& entry : std::filesystem::directory_iterator("/run"))
    EXPECT_FALSE(entry.path().filename().string().starts_with("gemel-login.")) << "the password is left there";
}

/// What the questions before a plan find out of the endpoint, asked of this very host.
TEST_F(DatabaseLoginContract, the_facts_say_whether_the_endpoint_is_reached) {
  const auto unreached = [&](const std::string& host, std::uint16_t port) {
    site_.database.external->host = host;
    site_.database.external->port = port;
    site_.hosts.resize(1);  // nobody else is asked for
    runtime::CommandResult result;
    loop_.run(run_here(facts_command(site_, {}, site_.hosts[0]), "/dev/null", &result));
    const auto facts = parse_facts(result.output);
    EXPECT_TRUE(facts) << result.output;
    return facts ? facts->unreached : std::string("(no facts)");
  };
  EXPECT_THAT(unreached("127.0.0.1", postgres_.port()), IsEmpty());
  EXPECT_THAT(unreached("localhost", postgres_.port()), IsEmpty());
  EXPECT_EQ(unreached("127.0.0.1", testing_support::free_port()), "Connection refused");
  EXPECT_EQ(unreached("no-such-name.invalid", postgres_.port()), "its name is not known here");
}

}  // namespace
}  // namespace gemel::setup
