// The manager's way to a database of somebody else: a real PostgreSQL 15 on loopback, found by its name, with TLS by an
// authority of its own and a SCRAM password.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/io_context.hpp>

#include "manager/database_ways.h"
#include "manager/postgres_notes_store.h"
#include "manager/run_task.h"
#include "runtime/test_certificates.h"
#include "support/local_postgres.h"

namespace gemel::manager {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing_support::Postgres;

const std::string password = "it's a pass:word\\ of the provider";

class ExternalDatabaseContract : public ::testing::Test {
 protected:
  ExternalDatabaseContract() {
    char pattern[] = "/tmp/gemel-external-XXXXXX";
    config_.directories.etc = mkdtemp(pattern);
    std::filesystem::create_directories(config_.directories.etc / "secrets");
    set_password(password);
    const auto files = provider_.issue_for_loopback("provider");
    config_.database.external = site::ExternalDatabase{"localhost", postgres_.port(), files.ca};
    config_.database.application_user = "cliqr";
    config_.database.database_name = "gemel";
    postgres_.use_tls(files.certificate, files.key);
    start();
    EXPECT_TRUE(postgres_.sql("postgres", "CREATE ROLE cliqr LOGIN PASSWORD 'it''s a pass:word\\ of the provider'"));
    EXPECT_TRUE(postgres_.sql("postgres", "CREATE DATABASE gemel OWNER cliqr"));
  }
  ~ExternalDatabaseContract() override { std::filesystem::remove_all(config_.directories.etc); }
  void start() { ASSERT_TRUE(postgres_.start()); }
  void set_password(const std::string& text) {
    std::ofstream(config_.secret("application.password"), std::ios::trunc) << text << "\n";
  }
  /// What a manager that was just started says to a note.
  Result<StoredNote> add(const std::string& key) {
    DatabaseWays ways(config_);
    const auto store = postgres_notes_store(
        loop_.get_executor(),
        {.conninfos = [&ways](Duration limit) { return ways.find(limit); }, .manager = "ccm1", .max_connections = 2});
    return testing::run_task(loop_, store->add({"anna", "hello", key}, 10s));
  }
  std::string refusal() {
    const auto note = add("refused");
    return note ? "(not refused)" : note.error().to_string();
  }

  boost::asio::io_context loop_{1};
  runtime::TestAuthority provider_{"provider"};
  site::HostConfig config_;
  Postgres postgres_;
};

TEST_F(ExternalDatabaseContract, takes_the_managers_by_name_with_tls_and_makes_their_tables) {
  const auto note = add("k1");
  ASSERT_TRUE(note) << note.error().to_string();
  EXPECT_TRUE(note->is_new);
  EXPECT_FALSE(add("k1")->is_new) << "another manager, the same table";
}

TEST_F(ExternalDatabaseContract, another_authority_is_not_believed) {
  const runtime::TestAuthority other("other");
  config_.database.external->ca = other.trust().ca;
  EXPECT_THAT(refusal(), HasSubstr("certificate verify failed"));
}

TEST_F(ExternalDatabaseContract, a_certificate_for_another_name_is_not_believed) {
  // The certificate has the address ::1 and 127.0.0.1 and the name localhost; this is another name of the same host.
  const auto files = provider_.issue({.name = "elsewhere", .dns = {"db.example.org"}, .addresses = {}, .uris = {}});
  ASSERT_TRUE(postgres_.stop("fast"));
  postgres_.use_tls(files.certificate, files.key);
  start();
  EXPECT_THAT(refusal(), HasSubstr("does not match host name \"localhost\""));
}

TEST_F(ExternalDatabaseContract, a_wrong_password_is_refused_and_a_corrected_one_is_read_anew) {
  set_password("another password");
  EXPECT_THAT(refusal(), HasSubstr("password authentication failed"));
  set_password(password);
  EXPECT_TRUE(add("k2"));
}

TEST_F(ExternalDatabaseContract, a_user_that_may_not_make_tables_is_told) {
  ASSERT_TRUE(postgres_.sql("postgres", "ALTER DATABASE gemel OWNER TO postgres"));
  EXPECT_THAT(refusal(), HasSubstr("permission denied for schema public"));
}

TEST_F(ExternalDatabaseContract, a_password_is_never_sent_to_who_does_not_ask_for_scram) {
  ASSERT_TRUE(postgres_.stop("fast"));
  postgres_.ask_for_clear_passwords();
  start();
  EXPECT_THAT(refusal(), HasSubstr("channel binding required"));
}

}  // namespace
}  // namespace gemel::manager
