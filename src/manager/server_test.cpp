// The whole manager on loopback over TLS, without a database and without agents: what it must still do.
#include "manager/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "runtime/http_client.h"
#include "runtime/test_certificates.h"

namespace gemel::manager {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    config_.directories.etc = authority_.folder() / "etc";
    fs::create_directories(config_.directories.etc / "pki");
    fs::create_directories(config_.directories.etc / "secrets");
    const auto files = authority_.issue_for_loopback("ccm1");
    for (const auto* name : {"web", "manager-agent"}) {
      fs::copy_file(files.certificate, config_.pki(std::string(name) + ".crt"));
      fs::copy_file(files.key, config_.pki(std::string(name) + ".key"));
    }
    for (const auto* name : {"agent-ca.crt", "db-ca.crt"}) fs::copy_file(files.ca, config_.pki(name));
    std::ofstream(config_.secret("application.password")) << "it's a secret\n";
    site::Host self;
    self.name = config_.self_name = "ccm1";
    self.address = "127.0.0.1";
    self.concepts.manager = true;
    config_.hosts = {self};
    config_.vip = site::FloatingAddress{"127.0.0.9", 24};
    config_.ports = {};
    config_.ports.https = config_.ports.orchestrators = 0;
    config_.ports.postgres = config_.ports.agent = 1;  // nobody listens there
  }

  runtime::TestAuthority authority_;
  boost::asio::io_context loop_{1};
  site::HostConfig config_;
};

runtime::Task<runtime::HttpResponse> get(runtime::HttpClient* client, std::string target) {
  runtime::HttpRequest request;
  request.target = std::move(target);
  auto answer = co_await client->call(std::move(request), 10s);
  co_return answer ? *answer : runtime::HttpResponse{0, {}, answer.error().to_string()};
}

runtime::Task<void> shut_down(Server* server, bool* is_done) {
  co_await server->shut_down();
  *is_done = true;
}

runtime::Task<void> story(Server* server, runtime::HttpClient* client, boost::asio::io_context* loop) {
  const auto ready = co_await get(client, "/readyz");
  EXPECT_EQ(ready.status, 200U) << ready.body;
  EXPECT_EQ(ready.headers.at("x-gemel-manager"), "ccm1");
  const auto site = co_await get(client, "/api/v1/site");
  EXPECT_EQ(site.status, 200U);
  EXPECT_THAT(site.body, HasSubstr("\"health\":\"unknown\""));

  runtime::TaskScope tasks(loop->get_executor(), "story");
  bool is_done = false;
  tasks.spawn("shut down", shut_down(server, &is_done));
  auto draining = co_await get(client, "/readyz");
  while (draining.status == 200) draining = co_await get(client, "/readyz");
  EXPECT_EQ(draining.status, 503U);
  EXPECT_EQ((co_await get(client, "/healthz")).status, 200U) << "requests are still answered while draining";
  while (!is_done) co_await runtime::sleep_for(5ms);
  EXPECT_EQ((co_await get(client, "/healthz")).status, 0U) << "closed after the drain";
  loop->stop();
}

TEST_F(ServerTest, serves_without_a_database_and_drains_before_it_closes) {
  Server server(loop_.get_executor(), config_);
  const auto started = server.start();
  ASSERT_TRUE(started) << started.error().to_string();
  auto tls = runtime::TlsClientContext::load(authority_.trust(), false);
  ASSERT_TRUE(tls) << tls.error().to_string();
  runtime::HttpClient client(loop_.get_executor(),
                             {.address = "127.0.0.1", .port = server.port(), .server_name = {}, .local_socket = {}},
                             *tls);
  runtime::TaskScope tasks(loop_.get_executor(), "test");
  tasks.spawn("story", story(&server, &client, &loop_));
  loop_.run();
}

runtime::Task<void> ask_both(runtime::HttpClient* user, runtime::HttpClient* balancer, boost::asio::io_context* loop) {
  EXPECT_EQ((co_await get(user, "/healthz")).status, 200U) << "the certificate for users";
  EXPECT_EQ((co_await get(balancer, "/healthz")).status, 200U) << "the host's own";
  loop->stop();
}

TEST_F(ServerTest, shows_users_the_certificate_of_the_dns_name_and_balancers_that_of_the_host) {
  runtime::TestAuthority bought("bought");
  // The operator's may carry the host's name too: the balancer must still see the site's.
  const auto files = bought.issue({.name = "mgmt", .dns = {"mgmt.lab.test", "ccm1"}, .addresses = {}, .uris = {}});
  fs::copy_file(files.certificate, config_.pki("mgmtserver.crt"));
  fs::copy_file(files.key, config_.pki("mgmtserver.key"));
  const auto inner = authority_.issue({.name = "inner", .dns = {"ccm1"}, .addresses = {}, .uris = {}});
  fs::copy_file(inner.certificate, config_.pki("web.crt"), fs::copy_options::overwrite_existing);
  fs::copy_file(inner.key, config_.pki("web.key"), fs::copy_options::overwrite_existing);
  Server server(loop_.get_executor(), config_);
  ASSERT_TRUE(server.start());
  const auto client = [&](const runtime::TestAuthority& authority, std::string name) {
    return runtime::HttpClient(
        loop_.get_executor(),
        {.address = "127.0.0.1", .port = server.port(), .server_name = std::move(name), .local_socket = {}},
        *runtime::TlsClientContext::load(authority.trust(), false));
  };
  auto user = client(bought, "mgmt.lab.test");
  auto balancer = client(authority_, "ccm1");
  runtime::TaskScope tasks(loop_.get_executor(), "test");
  tasks.spawn("ask", ask_both(&user, &balancer, &loop_));
  loop_.run();
}

TEST_F(ServerTest, says_what_is_missing_at_the_start) {
  fs::remove(config_.secret("application.password"));
  Server server(loop_.get_executor(), config_);
  const auto started = server.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().to_string(), HasSubstr("database password"));
}

}  // namespace
}  // namespace gemel::manager
