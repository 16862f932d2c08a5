#include "api/agent_client.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <optional>

#include "api/sample_site.h"
#include "runtime/http_server.h"
#include "runtime/test_certificates.h"

namespace gemel::api {
namespace {

using namespace std::chrono_literals;
using runtime::HttpRequest;
using runtime::HttpResponse;
using runtime::Task;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

/// Agents of db1 (127.0.0.1) and db2 (127.0.0.2) on one port; ccm1 (127.0.0.3) answers nothing.
class AgentClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(config_.directories.etc / "pki");
    const auto own = authority_.issue({.name = "caller", .dns = {"caller"}});
    fs::copy_file(own.ca, config_.pki("agent-ca.crt"));
    fs::copy_file(own.certificate, config_.pki("agent.crt"));
    fs::copy_file(own.key, config_.pki("agent.key"));
    const auto site = testing::sample_site();
    first_ = serve("127.0.0.1", 0, "db1", to_json(*site.hosts[2].status));
    ASSERT_TRUE(first_);
    config_.ports.agent = first_->port();
    second_ = serve("127.0.0.2", first_->port(), "db2", to_json(*site.hosts[3].status));
    ASSERT_TRUE(second_);
    config_.site = "harbour";
    add_host("db1", "127.0.0.1");
    add_host("db2", "127.0.0.2");
    add_host("ccm1", "127.0.0.3");
    auto client = AgentClient::create(loop_.get_executor(), config_, AgentIdentity::agent);
    ASSERT_TRUE(client) << client.error().to_string();
    client_ = std::move(*client);
  }

  void add_host(const std::string& name, const std::string& address) {
    site::Host host;
    host.name = name;
    host.address = address;
    host.concepts.database = name.starts_with("db");
    config_.hosts.push_back(host);
  }

  static Task<HttpResponse> answer(std::string name, std::string status, HttpRequest request) {
    if (request.target == "/status") co_return runtime::json_response(200, status);
    if (request.target == "/events?after=3") {
      Event event;
      event.id = 4;
      event.host = name;
      co_return runtime::json_response(200, to_json(std::vector{event}));
    }
    if (request.target == "/switchover" && request.body == R"({"to":"db2"})")
      co_return runtime::json_response(202, R"({"accepted":true})");
    if (request.target == "/switchover") co_return runtime::problem(409, "not_member", "db3 is not a member");
    if (request.target == "/pause" && request.body == R"({"user":"ops","reason":"new \"switch\"","seconds":3600})")
      co_return runtime::json_response(202, R"({"accepted":true})");
    if (request.target == "/resume" && request.body == R"({"user":"ops"})")
      co_return runtime::json_response(202, R"({"accepted":true})");
    if (request.target == "/force" && request.body == R"({"user":"ops","confirmed_fenced":false})")
      co_return runtime::json_response(200, R"({"accepted":false,"report":"16 bytes are missing"})");
    if (request.target == "/force") co_return runtime::problem(409, "holder_alive", "'db1' still answers");
    if (request.target == "/pause") co_return runtime::problem(400, "invalid", "why?");
    co_return runtime::problem(404, "not_found", "nothing here");
  }

  std::unique_ptr<runtime::HttpServer> serve(const std::string& address, std::uint16_t port, const std::string& name,
                                             const std::string& status) {
    runtime::HttpServerOptions options;
    options.address = address;
    options.port = port;
    options.tls = authority_.issue({.name = name, .dns = {name}, .addresses = {address}});
    options.client_certificates = runtime::ClientCertificates::required;
    auto server = runtime::HttpServer::start(
        loop_.get_executor(), options,
        [name, status](HttpRequest request, runtime::Peer) { return answer(name, status, std::move(request)); });
    EXPECT_TRUE(server) << server.error().to_string();
    return server ? std::move(*server) : nullptr;
  }

  template <typename T>
  static Task<void> keep(Task<T> task, std::optional<T>* result, boost::asio::io_context* loop) {
    result->emplace(co_await std::move(task));
    loop->stop();
  }
  template <typename T>
  T run(Task<T> task) {
    std::optional<T> result;
    tasks_.spawn("test", keep(std::move(task), &result, &loop_));
    loop_.restart();
    loop_.run();
    return std::move(result).value();
  }

  runtime::TestAuthority authority_;
  boost::asio::io_context loop_{1};
  runtime::TaskScope tasks_{loop_.get_executor(), "test"};
  site::HostConfig config_ = [this] {
    site::HostConfig config;
    config.directories.etc = authority_.folder() / "etc";
    return config;
  }();
  std::unique_ptr<runtime::HttpServer> first_, second_;
  std::unique_ptr<AgentClient> client_;
};

TEST_F(AgentClientTest, asks_all_hosts_and_names_the_silent_one) {
  const auto site = run(client_->fetch_site(5s));
  EXPECT_EQ(site.site, "harbour");
  ASSERT_EQ(site.hosts.size(), 3U);
  EXPECT_TRUE(site.hosts[0].is_reachable) << site.hosts[0].error;
  EXPECT_TRUE(site.hosts[1].is_reachable) << site.hosts[1].error;
  EXPECT_FALSE(site.hosts[2].is_reachable);
  EXPECT_NE(site.hosts[2].error, "");
  EXPECT_EQ(site.summary.primary, "db1");
  EXPECT_TRUE(site.summary.failover_possible) << site.summary.reason;
}

TEST_F(AgentClientTest, does_not_believe_a_host_with_anothers_certificate) {
  std::swap(config_.hosts[0].address, config_.hosts[1].address);
  client_ = std::move(*AgentClient::create(loop_.get_executor(), config_, AgentIdentity::agent));
  const auto site = run(client_->fetch_site(5s));
  EXPECT_FALSE(site.hosts[0].is_reachable);
  EXPECT_EQ(site.summary.reason_code, "unknown");
}

TEST_F(AgentClientTest, fetches_events_after_the_last_seen) {
  const auto answers = run(client_->fetch_events({{"db1", 3}}, 5s));
  ASSERT_TRUE(answers.at(0).events) << answers[0].events.error().to_string();
  EXPECT_EQ(answers[0].events->at(0).id, 4U);
  EXPECT_EQ(answers.at(1).events.error().code, ErrorCode::not_found) << "db2 was asked from the beginning";
  EXPECT_FALSE(answers.at(2).events);
}

TEST_F(AgentClientTest, tells_accepted_refused_and_not_asked_apart) {
  EXPECT_TRUE(run(client_->request_switchover("db1", "db2", 5s)));
  const auto refused = run(client_->request_switchover("db1", "db3", 5s));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::refused);
  EXPECT_EQ(refused.error().message, "db3 is not a member");
  EXPECT_EQ(run(client_->request_switchover("ccm1", "db2", 5s)).error().code, ErrorCode::unavailable);
  EXPECT_EQ(run(client_->request_switchover("db9", "db2", 5s)).error().code, ErrorCode::not_found);
}

TEST_F(AgentClientTest, asks_for_pause_resume_and_force) {
  EXPECT_TRUE(run(client_->request_pause("db1", {"ops", "new \"switch\"", 3600s}, 5s)));
  EXPECT_EQ(run(client_->request_pause("db1", {"ops", "", 60s}, 5s)).error().code, ErrorCode::invalid);
  EXPECT_TRUE(run(client_->request_resume("db1", "ops", 5s)));
  const auto report = run(client_->request_force("db2", "ops", false, 5s));
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(*report, "16 bytes are missing");
  const auto refused = run(client_->request_force("db2", "ops", true, 5s));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::refused);
  EXPECT_EQ(refused.error().message, "'db1' still answers");
}

TEST_F(AgentClientTest, says_when_certificates_are_missing) {
  const auto client = AgentClient::create(loop_.get_executor(), config_, AgentIdentity::manager);
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().message, HasSubstr("manager-agent"));
}

}  // namespace
}  // namespace gemel::api
