// The adapter against the real HAProxy on loopback, with managers that are HTTPS servers of this process.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "adapters/haproxy/haproxy_adapter.h"
#include "runtime/http_client.h"
#include "runtime/http_server.h"
#include "runtime/test_certificates.h"
#include "runtime/test_loop.h"

namespace gemel::adapters::haproxy {
namespace {

using runtime::HttpClient;
using runtime::HttpRequest;
using runtime::HttpResponse;
using runtime::HttpServer;
using runtime::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr Duration limit = seconds(10);

std::uint16_t free_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(descriptor);
  return ntohs(address.sin_port);
}

/// Plain HTTP/1.0 to HAProxy itself, blocking: it is another process, the loop is not needed.
std::string plain_get(std::uint16_t port, const std::string& path, const std::string& header) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  std::string answer;
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const auto request = "GET " + path + " HTTP/1.0\r\n" + header + "\r\n";
    EXPECT_EQ(::write(descriptor, request.data(), request.size()), static_cast<ssize_t>(request.size()));
    std::array<char, 4096> part{};
    for (ssize_t count = 0; (count = ::read(descriptor, part.data(), part.size())) > 0;) {
      answer.append(part.data(), static_cast<std::size_t>(count));
    }
  }
  ::close(descriptor);
  return answer;
}

/// A manager: answers its name; /hold waits until it is released.
struct Manager {
  std::string name;
  std::unique_ptr<HttpServer> server = nullptr;
  bool is_holding = false;
  bool is_released = false;
  int requests = 0;  // without health checks
  std::string last_for = {};
};

Task<HttpResponse> answer(Manager* manager, HttpRequest request) {
  if (request.target == "/readyz") co_return HttpResponse{200, {}, "ready"};
  ++manager->requests;
  manager->last_for = request.headers["x-forwarded-for"];
  if (request.target == "/hold") {
    manager->is_holding = true;
    while (!manager->is_released) co_await runtime::sleep_for(milliseconds(5));
  }
  co_return HttpResponse{200, {}, manager->name};
}

class Bench {
 public:
  Bench() {
    std::string name = (std::filesystem::temp_directory_path() / "gemel-haproxy-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    directory = name;
    const auto files = authority.issue({.name = "mgmt", .dns = {"mgmt.lab.test"}, .addresses = {"127.0.0.1"}});
    std::ofstream pem(directory / "mgmtserver.pem");
    pem << std::ifstream(files.certificate).rdbuf() << std::ifstream(files.key).rdbuf();
    config.dns_name = "mgmt.lab.test";
    config.bind_addresses = {"127.0.0.1"};
    config.https = free_port();
    config.orchestrators = free_port();
    config.statistics = free_port();
    config.certificate = directory / "mgmtserver.pem";
    config.manager_authority = authority.trust().ca;
    config.statistics_password = "it's a $ecret";
    config.check_interval = milliseconds(50);
    if (::geteuid() == 0 && ::getpwnam("haproxy") != nullptr) config.user = "haproxy";
    add_manager(first, authority);
    add_manager(second, authority);
    trust = runtime::TlsClientContext::load(authority.trust(), false).value();
  }
  ~Bench() { std::filesystem::remove_all(directory); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void add_manager(Manager& manager, runtime::TestAuthority& signer) {
    start_manager(manager, signer, 0);
    config.managers.push_back({manager.name, "127.0.0.1", manager.server->port(), manager.server->port()});
  }
  void start_manager(Manager& manager, runtime::TestAuthority& signer, std::uint16_t port) {
    runtime::HttpServerOptions options;
    options.address = "127.0.0.1";
    options.port = port;
    options.tls = signer.issue({.name = manager.name, .dns = {manager.name}});
    manager.server =
        HttpServer::start(loop.executor(), options, [target = &manager](HttpRequest request, runtime::Peer) {
          return answer(target, std::move(request));
        }).value();
  }
  HaproxyOptions options() const { return {.run_directory = directory / "run", .output = directory / "log"}; }
  std::string log() const {
    std::ostringstream text;
    text << std::ifstream(directory / "log").rdbuf();
    return text.str();
  }
  std::unique_ptr<HttpClient> client() {
    return std::make_unique<HttpClient>(
        loop.executor(),
        runtime::Endpoint{.address = "127.0.0.1", .port = config.https, .server_name = "mgmt.lab.test"}, trust);
  }
  /// Runs `body` with an adapter, and ends everything however the body ended.
  void run(Task<void> (*body)(Bench*, HaproxyAdapter*)) {
    auto adapter = std::make_unique<HaproxyAdapter>(loop.executor(), options());
    loop.run(whole(this, adapter.get(), body));
    if (testing::Test::HasFailure()) std::fputs(log().c_str(), stderr);
  }

  runtime::TestLoop loop;
  runtime::TestAuthority authority{"web"};
  runtime::TestAuthority stranger{"stranger"};
  std::filesystem::path directory;
  BalancerConfig config;
  Manager first{.name = "ccm1"};
  Manager second{.name = "ccm2"};
  std::shared_ptr<runtime::TlsClientContext> trust;

 private:
  static Task<void> whole(Bench* bench, HaproxyAdapter* adapter, Task<void> (*body)(Bench*, HaproxyAdapter*)) {
    co_await body(bench, adapter);
    bench->first.is_released = bench->second.is_released = true;
    const auto stopped = co_await adapter->stop(seconds(2));
    EXPECT_TRUE(stopped) << stopped.error().to_string();
    EXPECT_FALSE(adapter->is_running());
    for (auto* manager : {&bench->first, &bench->second}) {
      if (manager->server) co_await manager->server->stop(seconds(1));
      manager->server.reset();
    }
  }
};

Task<bool> await_condition(HaproxyAdapter* adapter, std::string server, ServerCondition wanted) {
  const auto until = runtime::boot_now() + limit;
  while (runtime::boot_now() < until) {
    const auto states = co_await adapter->server_states();
    for (const auto& state : states.value_or(std::vector<ServerState>())) {
      if (state.backend == "managers" && state.server == server && state.condition == wanted) co_return true;
    }
    co_await runtime::sleep_for(milliseconds(10));
  }
  co_return false;
}

/// The body of a GET, or the error's text.
Task<std::string> get(HttpClient* client, HttpRequest request) {
  const auto response = co_await client->call(std::move(request), limit);
  if (!response) co_return response.error().to_string();
  co_return response->status == 200 ? response->body : "status " + std::to_string(response->status);
}

Task<void> serves(Bench* bench, HaproxyAdapter* adapter) {
  const auto applied = co_await adapter->apply(bench->config);
  EXPECT_TRUE(applied) << applied.error().to_string();
  const auto client = bench->client();
  const auto response = co_await client->call({.headers = {{"x-forwarded-for", "6.6.6.6"}}}, limit);
  EXPECT_TRUE(response) << response.error().to_string();
  if (!response) co_return;
  EXPECT_EQ(response->status, 200U);
  EXPECT_THAT(response->body, testing::AnyOf("ccm1", "ccm2"));
  const auto& manager = response->body == "ccm1" ? bench->first : bench->second;
  EXPECT_EQ(manager.last_for, "127.0.0.1");
  auto headers = response->headers;
  EXPECT_THAT(headers["set-cookie"], HasSubstr("SVR=" + response->body));
  EXPECT_THAT(headers["set-cookie"], HasSubstr("HttpOnly"));
  EXPECT_THAT(headers["set-cookie"], HasSubstr("Secure"));
  EXPECT_THAT(headers["strict-transport-security"], HasSubstr("max-age="));
  EXPECT_EQ(headers["x-request-id"].size(), 36U);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(co_await get(client.get(), {.headers = {{"cookie", "SVR=ccm2"}}}), "ccm2");
  }
  const auto again = co_await adapter->apply(bench->config);
  EXPECT_TRUE(again);
  EXPECT_EQ(adapter->starts(), 1);
}

TEST(Haproxy, serves_by_cookie_over_verified_tls) { Bench().run(serves); }

Task<void> loses_a_manager(Bench* bench, HaproxyAdapter* adapter) {
  EXPECT_TRUE(co_await adapter->apply(bench->config));
  EXPECT_TRUE(co_await await_condition(adapter, "ccm1", ServerCondition::up));
  const auto client = bench->client();
  EXPECT_EQ(co_await get(client.get(), {.headers = {{"cookie", "SVR=ccm1"}}}), "ccm1");
  const auto port = bench->first.server->port();
  co_await bench->first.server->stop(milliseconds(1));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(co_await get(client.get(), {.headers = {{"cookie", "SVR=ccm1"}}}), "ccm2");
  }
  EXPECT_TRUE(co_await await_condition(adapter, "ccm1", ServerCondition::down));
  bench->start_manager(bench->first, bench->authority, port);
  EXPECT_TRUE(co_await await_condition(adapter, "ccm1", ServerCondition::up));
  EXPECT_EQ(co_await get(client.get(), {.headers = {{"cookie", "SVR=ccm1"}}}), "ccm1");
}

TEST(Haproxy, no_request_fails_when_a_manager_ends) { Bench().run(loses_a_manager); }

Task<void> call_and_note(HttpClient* client, HttpRequest request, std::string* result, bool* is_done) {
  *result = co_await get(client, std::move(request));
  *is_done = true;
}

/// What a client gets when its manager ends after it has the request and before it answers.
Task<std::string> cut_off(Bench* bench, HttpRequest request) {
  bench->first.is_holding = false;
  bench->second.is_released = true;
  const auto port = bench->first.server->port();
  const auto client = bench->client();
  request.target = "/hold";
  request.headers["cookie"] = "SVR=ccm1";
  std::string result;
  bool is_done = false;
  runtime::TaskScope scope(bench->loop.executor(), "call");
  scope.spawn("call", call_and_note(client.get(), std::move(request), &result, &is_done));
  while (!bench->first.is_holding && !is_done) co_await runtime::sleep_for(milliseconds(5));
  co_await bench->first.server->stop(milliseconds(1));
  while (!is_done) co_await runtime::sleep_for(milliseconds(5));
  bench->start_manager(bench->first, bench->authority, port);
  co_return result;
}

Task<void> repeats(Bench* bench, HaproxyAdapter* adapter) {
  EXPECT_TRUE(co_await adapter->apply(bench->config));
  EXPECT_TRUE(co_await await_condition(adapter, "ccm1", ServerCondition::up));
  EXPECT_EQ(co_await cut_off(bench, {.method = "GET"}), "ccm2");
  EXPECT_TRUE(co_await await_condition(adapter, "ccm1", ServerCondition::up));
  EXPECT_EQ(co_await cut_off(bench, {.method = "POST", .headers = {{"idempotency-key", "k1"}}, .body = "text"}),
            "ccm2");
  EXPECT_TRUE(co_await await_condition(adapter, "ccm1", ServerCondition::up));
  const int before = bench->second.requests;
  EXPECT_THAT(co_await cut_off(bench, {.method = "POST", .body = "text"}), testing::Not(HasSubstr("ccm")));
  EXPECT_EQ(bench->second.requests, before);
}

TEST(Haproxy, repeats_only_what_may_run_twice) { Bench().run(repeats); }

Task<void> distrusts(Bench* bench, HaproxyAdapter* adapter) {
  const auto port = bench->first.server->port();
  co_await bench->first.server->stop(milliseconds(1));
  bench->start_manager(bench->first, bench->stranger, port);
  EXPECT_TRUE(co_await adapter->apply(bench->config));
  EXPECT_TRUE(co_await await_condition(adapter, "ccm1", ServerCondition::down));
  const auto client = bench->client();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(co_await get(client.get(), {}), "ccm2");
  EXPECT_EQ(bench->first.requests, 0);
}

TEST(Haproxy, never_sends_to_a_manager_with_a_foreign_certificate) { Bench().run(distrusts); }

Task<void> reloads(Bench* bench, HaproxyAdapter* adapter) {
  EXPECT_TRUE(co_await adapter->apply(bench->config));
  EXPECT_TRUE(co_await await_condition(adapter, "ccm1", ServerCondition::up));
  const auto slow = bench->client();
  std::string result;
  bool is_done = false;
  runtime::TaskScope scope(bench->loop.executor(), "slow");
  scope.spawn("slow", call_and_note(slow.get(), {.target = "/hold"}, &result, &is_done));
  while (!bench->first.is_holding && !bench->second.is_holding) co_await runtime::sleep_for(milliseconds(5));
  const auto master = adapter->pid();
  bench->config.max_connections = 1000;
  const auto applied = co_await adapter->apply(bench->config);
  EXPECT_TRUE(applied) << applied.error().to_string();
  EXPECT_EQ(adapter->pid(), master);
  EXPECT_THAT((co_await adapter->run_time_command("show info")).value_or(""), HasSubstr("\nMaxconn: 1000\n"));
  const auto fresh = bench->client();
  EXPECT_THAT(co_await get(fresh.get(), {}), testing::StartsWith("ccm"));
  EXPECT_FALSE(is_done);
  bench->first.is_released = bench->second.is_released = true;
  while (!is_done) co_await runtime::sleep_for(milliseconds(5));
  EXPECT_THAT(result, testing::StartsWith("ccm"));
}

TEST(Haproxy, reload_keeps_a_request_in_flight) { Bench().run(reloads); }

Task<void> refuses(Bench* bench, HaproxyAdapter* adapter) {
  EXPECT_TRUE(co_await adapter->apply(bench->config));
  auto wrong = bench->config;
  wrong.certificate = bench->directory / "nothing.pem";
  const auto applied = co_await adapter->apply(wrong);
  EXPECT_FALSE(applied);
  if (applied) co_return;
  EXPECT_EQ(applied.error().code, ErrorCode::refused);
  EXPECT_THAT(applied.error().message, HasSubstr("nothing.pem"));
  wrong = bench->config;
  wrong.managers.clear();
  EXPECT_EQ((co_await adapter->apply(wrong)).error().code, ErrorCode::invalid);
  const auto client = bench->client();
  EXPECT_THAT(co_await get(client.get(), {}), testing::StartsWith("ccm"));
  EXPECT_EQ(adapter->starts(), 1);
}

TEST(Haproxy, a_wrong_configuration_changes_nothing) { Bench().run(refuses); }

Task<void> restarts(Bench* bench, HaproxyAdapter* adapter) {
  EXPECT_TRUE(co_await adapter->apply(bench->config));
  const auto master = adapter->pid();
  if (master <= 1) co_return;
  EXPECT_EQ(::kill(master, SIGKILL), 0);
  while (adapter->pid() == master || adapter->pid() == 0) co_await runtime::sleep_for(milliseconds(5));
  EXPECT_TRUE(co_await await_condition(adapter, "ccm1", ServerCondition::up));
  EXPECT_EQ(adapter->starts(), 2);
  const auto client = bench->client();
  EXPECT_THAT(co_await get(client.get(), {}), testing::StartsWith("ccm"));
}

TEST(Haproxy, comes_back_when_killed) { Bench().run(restarts); }

Task<void> adopts(Bench* bench, HaproxyAdapter* adapter) {
  pid_t master = 0;
  {
    HaproxyAdapter earlier(bench->loop.executor(), bench->options());
    EXPECT_TRUE(co_await earlier.apply(bench->config));
    master = earlier.pid();
  }
  const auto applied = co_await adapter->apply(bench->config);
  EXPECT_TRUE(applied) << applied.error().to_string();
  EXPECT_EQ(adapter->pid(), master);
  EXPECT_TRUE(co_await await_condition(adapter, "ccm1", ServerCondition::up));
}

TEST(Haproxy, is_adopted_by_the_next_agent) { Bench().run(adopts); }

Task<void> orders(Bench* bench, HaproxyAdapter* adapter) {
  EXPECT_TRUE(co_await adapter->apply(bench->config));
  EXPECT_TRUE(co_await await_condition(adapter, "ccm2", ServerCondition::up));
  EXPECT_TRUE(co_await adapter->order_server("ccm1", ServerOrder::maintenance));
  EXPECT_TRUE(co_await await_condition(adapter, "ccm1", ServerCondition::maintenance));
  const auto client = bench->client();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(co_await get(client.get(), {}), "ccm2");
  EXPECT_TRUE(co_await adapter->order_server("ccm1", ServerOrder::ready));
  EXPECT_TRUE(co_await await_condition(adapter, "ccm1", ServerCondition::up));
  EXPECT_EQ((co_await adapter->order_server("nobody", ServerOrder::drain)).error().code, ErrorCode::not_found);
  EXPECT_EQ((co_await adapter->run_time_command("show info; show stat")).error().code, ErrorCode::invalid);
  EXPECT_EQ((co_await adapter->run_time_command("show info\nshow stat")).error().code, ErrorCode::invalid);
}

TEST(Haproxy, takes_orders_at_run_time) { Bench().run(orders); }

Task<void> shows_statistics(Bench* bench, HaproxyAdapter* adapter) {
  EXPECT_TRUE(co_await adapter->apply(bench->config));
  const auto port = bench->config.statistics;
  const auto refused = plain_get(port, "/haproxy_stats", "");
  EXPECT_THAT(refused, HasSubstr(" 401 "));
  EXPECT_THAT(refused, HasSubstr("HAProxy Statistics"));
  // "admin:it's a $ecret" in base64.
  const auto shown = plain_get(port, "/haproxy_stats", "Authorization: Basic YWRtaW46aXQncyBhICRlY3JldA==\r\n");
  EXPECT_THAT(shown, HasSubstr(" 200 "));
  EXPECT_THAT(shown, HasSubstr("managers"));
}

TEST(Haproxy, statistics_page_asks_for_the_password) { Bench().run(shows_statistics); }

}  // namespace
}  // namespace gemel::adapters::haproxy
