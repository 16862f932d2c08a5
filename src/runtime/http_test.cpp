#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>

#include "base/random.h"
#include "runtime/http_client.h"
#include "runtime/http_server.h"
#include "runtime/test_certificates.h"
#include "runtime/test_loop.h"

namespace gemel::runtime {
namespace {

namespace asio = boost::asio;
using asio::experimental::awaitable_operators::operator||;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

/// What the test's server did.
struct Served {
  int count = 0;
  std::string body;
  Peer peer;
};

Task<HttpResponse> respond(Served* served, HttpRequest request, Peer peer) {
  ++served->count;
  served->peer = peer;
  served->body = request.body;
  if (request.target == "/slow") co_await sleep_for(hours(1));
  if (request.target == "/throw") throw std::runtime_error("handler");
  if (request.target == "/pause") co_await sleep_for(milliseconds(50));
  co_return HttpResponse{
      200, {{"content-type", "text/plain"}}, request.method + " " + request.target + " " + request.body};
}

class Http : public testing::Test {
 protected:
  std::unique_ptr<HttpServer> start(HttpServerOptions options) {
    if (options.local_socket.empty()) {
      options.address = "127.0.0.1";
      if (options.tls.certificate.empty()) options.tls = authority.issue_for_loopback("server");
    }
    auto server = HttpServer::start(loop.executor(), options, [this](HttpRequest request, Peer peer) {
      return respond(&served, std::move(request), std::move(peer));
    });
    EXPECT_TRUE(server) << server.error().to_string();
    return server ? std::move(*server) : nullptr;
  }

  std::unique_ptr<HttpClient> client(const HttpServer& server, TlsFiles files, std::string name = "") {
    auto context = TlsClientContext::load(files);
    EXPECT_TRUE(context) << context.error().to_string();
    return std::make_unique<HttpClient>(
        loop.executor(),
        Endpoint{.address = "127.0.0.1", .port = server.port(), .server_name = std::move(name), .local_socket = {}},
        *context);
  }
  std::unique_ptr<HttpClient> client(const HttpServer& server) { return client(server, authority.trust()); }

  TestAuthority authority;
  TestLoop loop;
  Served served;
};

HttpRequest get(std::string target) {
  return HttpRequest{.method = "GET", .target = std::move(target), .headers = {}, .body = {}};
}
HttpRequest post(std::string target, std::string body) {
  return HttpRequest{.method = "POST", .target = std::move(target), .headers = {}, .body = std::move(body)};
}

Task<void> call_twice(HttpServer* server, HttpClient* client) {
  const auto first = co_await client->call(get("/a?b=c"), seconds(5));
  const auto second = co_await client->call(post("/d", std::string(100'000, 'x')), seconds(5));
  EXPECT_TRUE(first) << first.error().to_string();
  EXPECT_TRUE(second) << second.error().to_string();
  if (first) EXPECT_EQ(first->body, "GET /a?b=c ");
  if (second) EXPECT_EQ(second->body.size(), 100'000 + std::string("POST /d ").size());
  EXPECT_EQ(server->connections(), 1U);
  co_await server->stop(seconds(5));
}

TEST_F(Http, calls_share_one_kept_tls_connection) {
  auto server = start({});
  auto caller = client(*server);
  loop.run(call_twice(server.get(), caller.get()));
}

Task<void> call_expecting(HttpServer* server, HttpClient* client, HttpRequest request, std::optional<ErrorCode> code,
                          std::string text) {
  const auto answer = co_await client->call(std::move(request), milliseconds(300));
  if (code) {
    EXPECT_FALSE(answer);
    if (!answer) {
      EXPECT_EQ(answer.error().code, *code) << answer.error().to_string();
      EXPECT_THAT(answer.error().message, HasSubstr(text));
    }
  } else {
    EXPECT_TRUE(answer) << answer.error().to_string();
    if (answer) EXPECT_THAT(answer->body, HasSubstr(text));
  }
  co_await server->stop(milliseconds(1));
}

TEST_F(Http, refuses_a_server_of_another_authority) {
  TestAuthority other("other");
  auto server = start({.tls = other.issue_for_loopback("server")});
  auto caller = client(*server);
  loop.run(call_expecting(server.get(), caller.get(), get("/"), ErrorCode::denied, "certificate"));
  EXPECT_EQ(served.count, 0);
}

TEST_F(Http, refuses_a_server_whose_certificate_carries_another_name) {
  auto server =
      start({.tls = authority.issue({.name = "db9", .dns = {"db9"}, .addresses = {"192.0.2.9"}, .uris = {}})});
  auto by_address = client(*server);
  loop.run(call_expecting(server.get(), by_address.get(), get("/"), ErrorCode::denied, "IP address mismatch"));
}

TEST_F(Http, checks_the_server_name_it_was_given) {
  auto server = start({.tls = authority.issue({.name = "db9", .dns = {"db9"}, .addresses = {}, .uris = {}})});
  auto by_name = client(*server, authority.trust(), "db9");
  loop.run(call_expecting(server.get(), by_name.get(), get("/name"), std::nullopt, "GET /name"));
}

TEST_F(Http, refuses_an_expired_server) {
  auto server = start(
      {.tls = authority.issue({.name = "old", .dns = {}, .addresses = {"127.0.0.1"}, .uris = {}, .is_expired = true})});
  auto caller = client(*server);
  loop.run(call_expecting(server.get(), caller.get(), get("/"), ErrorCode::denied, "expired"));
}

TEST_F(Http, hands_the_identity_of_the_client_to_the_handler) {
  auto server = start({.client_certificates = ClientCertificates::required, .only_tls13 = true});
  auto caller = client(
      *server, authority.issue({.name = "lb1", .dns = {"lb1"}, .addresses = {}, .uris = {"gemel:site:agent:lb1"}}));
  loop.run(call_expecting(server.get(), caller.get(), get("/"), std::nullopt, "GET /"));
  EXPECT_EQ(served.peer.common_name, "lb1");
  EXPECT_EQ(served.peer.address, "127.0.0.1");
  EXPECT_THAT(served.peer.uris, ElementsAre("gemel:site:agent:lb1"));
}

TEST_F(Http, a_client_without_certificate_is_denied_and_never_reaches_the_handler) {
  auto server = start({.client_certificates = ClientCertificates::required});
  auto caller = client(*server);
  loop.run(call_expecting(server.get(), caller.get(), post("/", "x"), ErrorCode::denied, "certificate"));
  EXPECT_EQ(served.count, 0);
}

TEST_F(Http, a_client_of_another_authority_is_denied) {
  TestAuthority other("other");
  auto server = start({.client_certificates = ClientCertificates::required});
  auto files = other.issue_for_loopback("intruder");
  files.ca = authority.trust().ca;
  auto caller = client(*server, files);
  loop.run(call_expecting(server.get(), caller.get(), get("/"), ErrorCode::denied, "certificate"));
  EXPECT_EQ(served.count, 0);
}

TEST_F(Http, a_late_answer_is_an_unknown_outcome) {
  auto server = start({});
  auto caller = client(*server);
  loop.run(call_expecting(server.get(), caller.get(), post("/slow", ""), ErrorCode::timed_out, "no answer in time"));
  EXPECT_EQ(served.count, 1);
}

TEST_F(Http, an_exception_of_the_handler_is_answered_with_500) {
  auto server = start({});
  auto caller = client(*server);
  loop.run(call_expecting(server.get(), caller.get(), get("/throw"), std::nullopt, "internal"));
}

TEST_F(Http, a_closed_port_is_certainly_not_executed) {
  auto server = start({});
  auto caller = client(*server);
  loop.run(server->stop(seconds(1)));
  loop.run(call_expecting(server.get(), caller.get(), post("/", ""), ErrorCode::unavailable, "refused"));
}

TEST_F(Http, refuses_a_request_that_would_smuggle_a_header) {
  auto server = start({});
  auto caller = client(*server);
  loop.run(call_expecting(server.get(), caller.get(), get("/ HTTP/1.1\r\nx: y"), ErrorCode::invalid, "request line"));
}

Task<void> outlive_server(HttpServer* first, HttpClient* client, std::function<std::unique_ptr<HttpServer>()> restart) {
  EXPECT_TRUE(co_await client->call(get("/1"), seconds(5)));
  co_await first->stop(seconds(1));
  auto second = restart();
  const auto again = co_await client->call(post("/2", "body"), seconds(5));
  EXPECT_TRUE(again) << again.error().to_string();
  co_await second->stop(seconds(1));
}

TEST_F(Http, a_server_that_restarted_is_found_again_even_by_a_post) {
  auto server = start({});
  auto caller = client(*server);
  const auto port = server->port();
  loop.run(outlive_server(server.get(), caller.get(), [this, port] { return start({.port = port}); }));
  EXPECT_EQ(served.count, 2);
}

Task<void> race(HttpServer* server, HttpClient* slow, HttpClient* fast) {
  const auto winner = co_await (slow->call(get("/slow"), hours(1)) || fast->call(get("/fast"), hours(1)));
  EXPECT_EQ(winner.index(), 1U);
  EXPECT_TRUE(std::get<1>(winner));
  // The cancelled one is usable again.
  const auto again = co_await slow->call(get("/again"), seconds(5));
  EXPECT_TRUE(again) << again.error().to_string();
  co_await server->stop(milliseconds(1));
}

TEST_F(Http, the_loser_of_a_race_is_cancelled_and_usable_again) {
  auto server = start({});
  auto slow = client(*server);
  auto fast = client(*server);
  loop.run(race(server.get(), slow.get(), fast.get()));
}

Task<void> note_code(HttpClient* client, HttpRequest request, std::optional<ErrorCode>* code) {
  const auto answer = co_await client->call(std::move(request), hours(1));
  *code = answer ? std::nullopt : std::optional(answer.error().code);
}

Task<void> until_served(const Served* served, int count) {
  while (served->count < count) co_await sleep_for(milliseconds(1));
}

struct Codes {
  std::optional<ErrorCode> waiting, queued;
};

Task<void> cancel_call(HttpServer* server, HttpClient* client, TaskScope* scope, const Served* served) {
  Codes codes;
  EXPECT_TRUE(co_await client->call(get("/warm"), seconds(5)));
  scope->spawn("caller", note_code(client, get("/slow"), &codes.waiting));
  scope->spawn("queued", note_code(client, get("/slow"), &codes.queued));
  co_await until_served(served, 2);
  EXPECT_THAT(co_await scope->stop(seconds(5)), testing::IsEmpty());
  EXPECT_EQ(codes.waiting, ErrorCode::cancelled);
  EXPECT_EQ(codes.queued, ErrorCode::cancelled);
  EXPECT_TRUE(co_await client->call(get("/after"), seconds(5)));
  co_await server->stop(milliseconds(1));
}

TEST_F(Http, stopping_the_scope_of_a_caller_ends_its_calls_at_once) {
  auto server = start({});
  auto caller = client(*server);
  TaskScope scope(loop.executor(), "callers");
  loop.run(cancel_call(server.get(), caller.get(), &scope, &served));
}

Task<void> call_in_turn(HttpServer* server, HttpClient* client, TaskScope* scope, int* left) {
  std::vector<std::optional<ErrorCode>> codes(static_cast<std::size_t>(*left), ErrorCode::corrupt);
  for (auto& code : codes) scope->spawn("caller", note_code(client, get("/pause"), &code));
  while (scope->size() > 0) co_await sleep_for(milliseconds(1));
  for (const auto& code : codes) EXPECT_EQ(code, std::nullopt);
  EXPECT_EQ(server->connections(), 1U);
  co_await server->stop(seconds(1));
}

TEST_F(Http, calls_of_several_tasks_take_turns_on_one_connection) {
  auto server = start({});
  auto caller = client(*server);
  TaskScope scope(loop.executor(), "callers");
  int count = 5;
  loop.run(call_in_turn(server.get(), caller.get(), &scope, &count));
  EXPECT_EQ(served.count, 5);
}

Task<void> drain(HttpServer* server, HttpClient* client, TaskScope* scope, std::optional<ErrorCode>* code,
                 const Served* served) {
  scope->spawn("caller", note_code(client, get("/pause"), code));
  co_await until_served(served, 1);
  co_await server->stop(seconds(5));
  while (scope->size() > 0) co_await sleep_for(milliseconds(1));
  EXPECT_EQ(*code, std::nullopt);
}

TEST_F(Http, stop_lets_a_request_in_flight_end) {
  auto server = start({});
  auto caller = client(*server);
  TaskScope scope(loop.executor(), "callers");
  std::optional<ErrorCode> code = ErrorCode::corrupt;
  loop.run(drain(server.get(), caller.get(), &scope, &code, &served));
  EXPECT_EQ(served.count, 1);
}

Task<void> swap_certificates(HttpServer* server, HttpClient* old_trust, HttpClient* new_trust, TlsFiles files) {
  EXPECT_TRUE(co_await old_trust->call(get("/1"), seconds(5)));
  EXPECT_TRUE(server->reload_tls(files));
  EXPECT_TRUE(co_await new_trust->call(get("/2"), seconds(5)));
  EXPECT_TRUE(co_await old_trust->call(get("/3"), seconds(5)));  // its connection stays
  EXPECT_FALSE(server->reload_tls({.ca = {}, .certificate = "/nowhere", .key = "/nowhere"}));
  co_await server->stop(seconds(1));
}

TEST_F(Http, new_connections_get_reloaded_certificates) {
  TestAuthority other("other");
  auto server = start({});
  auto before = client(*server);
  auto after = client(*server, other.trust());
  loop.run(swap_certificates(server.get(), before.get(), after.get(), other.issue_for_loopback("renewed")));
}

// --- local socket ---

TEST_F(Http, serves_a_local_socket_only_its_owner_can_open) {
  const auto path = authority.folder() / "agent.sock";
  auto server = start({.local_socket = path});
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  HttpClient caller(loop.executor(), Endpoint{.address = {}, .port = 0, .server_name = {}, .local_socket = path},
                    nullptr);
  const auto second = HttpServer::start(loop.executor(), {.local_socket = path}, nullptr);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  loop.run(call_expecting(server.get(), &caller, get("/x"), std::nullopt, "GET /x"));
  EXPECT_TRUE(served.peer.is_local_socket);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(Http, a_folder_that_does_not_exist_and_a_taken_port_are_errors) {
  const auto nowhere =
      HttpServer::start(loop.executor(), {.local_socket = authority.folder() / "no" / "a.sock"}, nullptr);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::not_found);
  auto server = start({});
  const auto taken = HttpServer::start(
      loop.executor(), {.address = "127.0.0.1", .port = server->port(), .tls = authority.issue_for_loopback("x")},
      nullptr);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::conflict);
  loop.run(server->stop(seconds(1)));
}

// --- raw bytes ---

Task<std::string> send_raw(asio::generic::stream_protocol::endpoint where, std::string bytes) {
  asio::generic::stream_protocol::socket connection(co_await asio::this_coro::executor);
  co_await connection.async_connect(where, asio::use_awaitable);
  co_await asio::async_write(connection, asio::buffer(bytes), asio::as_tuple(asio::use_awaitable));
  boost::system::error_code ignored;
  connection.shutdown(asio::socket_base::shutdown_send, ignored);
  std::string answer;
  co_await asio::async_read(connection, asio::dynamic_buffer(answer), asio::as_tuple(asio::use_awaitable));
  co_return answer;
}

Task<void> expect_raw(HttpServer* server, asio::generic::stream_protocol::endpoint where, std::string bytes,
                      std::string wanted) {
  const auto answer = co_await send_raw(where, bytes);
  EXPECT_THAT(answer, testing::StartsWith(wanted));
  while (server->connections() > 0) co_await sleep_for(milliseconds(1));
  co_await server->stop(seconds(1));
}

TEST_F(Http, answers_what_is_not_http_with_400_and_closes) {
  const auto path = authority.folder() / "agent.sock";
  const asio::local::stream_protocol::endpoint where(path.string());
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"nonsense\r\n\r\n", "HTTP/1.1 400 "},
      {"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 400 "},
      {"GET / HTTP/1.1\r\nx: " + std::string(40'000, 'x'), "HTTP/1.1 431 "},
      {"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 413 "},
      {"HEAD /h HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"},
      {"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nshort", ""},
      {"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"},
      {"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK"}};
  for (const auto& [bytes, wanted] : cases) {
    auto server = start({.local_socket = path});
    loop.run(expect_raw(server.get(), where, bytes, wanted));
  }
}

Task<void> throw_garbage(HttpServer* server, asio::ip::tcp::endpoint where, HttpClient* client) {
  Random random(20260131);
  for (int round = 0; round < 200; ++round) {
    std::string bytes(random.below(2000), '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random.below(256));
    if (round % 2 == 0) bytes = "\x16\x03\x01" + bytes;  // looks like the beginning of a handshake
    if (round % 5 == 0) bytes = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    const auto answer = co_await send_raw(where, bytes);
    EXPECT_THAT(answer, testing::Not(HasSubstr("HTTP")));
  }
  while (server->connections() > 0) co_await sleep_for(milliseconds(1));
  EXPECT_TRUE(co_await client->call(get("/still-here"), seconds(5)));
  co_await server->stop(seconds(1));
}

TEST_F(Http, garbage_on_the_tls_port_costs_one_connection_each) {
  auto server = start({});
  auto caller = client(*server);
  const asio::ip::tcp::endpoint where(asio::ip::address_v4::loopback(), server->port());
  loop.run(throw_garbage(server.get(), where, caller.get()));
  EXPECT_EQ(served.count, 1);
}

Task<void> be_slow(HttpServer* server, asio::generic::stream_protocol::endpoint where) {
  asio::generic::stream_protocol::socket connection(co_await asio::this_coro::executor);
  co_await connection.async_connect(where, asio::use_awaitable);
  co_await asio::async_write(connection, asio::buffer(std::string_view("GET / HT")), asio::use_awaitable);
  std::string answer;
  auto [error, count] =
      co_await asio::async_read(connection, asio::dynamic_buffer(answer), asio::as_tuple(asio::use_awaitable));
  EXPECT_EQ(error, asio::error::eof);
  co_await server->stop(seconds(1));
}

TEST_F(Http, a_client_that_is_slow_to_ask_is_closed) {
  const auto path = authority.folder() / "agent.sock";
  auto server = start({.local_socket = path, .request_limit = milliseconds(50)});
  loop.run(be_slow(server.get(), asio::local::stream_protocol::endpoint(path.string())));
}

Task<void> fill_up(HttpServer* server, std::vector<HttpClient*> clients) {
  for (auto* client : clients) EXPECT_TRUE(co_await client->call(get("/"), seconds(5)));
  EXPECT_EQ(server->connections(), 2U);
  co_await server->stop(seconds(1));
}

TEST_F(Http, the_longest_idle_connection_makes_room) {
  auto server = start({.max_connections = 2});
  auto first = client(*server), second = client(*server), third = client(*server);
  loop.run(fill_up(server.get(), {first.get(), second.get(), third.get()}));
  EXPECT_EQ(served.count, 3);
}

// --- measure ---

Task<void> measure(HttpServer* server, HttpClient* client, int rounds) {
  std::vector<Duration> times;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(co_await client->call(post("/", R"({"key":"L2dlbWVs"})"), seconds(5)));
    times.push_back(std::chrono::steady_clock::now() - begin);
  }
  std::ranges::sort(times);
  const auto median = std::chrono::duration<double, std::micro>(times[times.size() / 2]).count();
  testing::Test::RecordProperty("median_us", std::to_string(median));
  EXPECT_LT(median, 5000);  // a delayed acknowledgement would cost 40 ms
  co_await server->stop(seconds(1));
}

TEST_F(Http, a_kept_call_costs_no_delayed_acknowledgement) {
  auto server = start({});
  auto caller = client(*server);
  loop.run(measure(server.get(), caller.get(), 100));
}

}  // namespace
}  // namespace gemel::runtime
