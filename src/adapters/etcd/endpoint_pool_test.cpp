// EndpointPool against scripted gateways on local sockets: what an answer of each kind is worth, and voters whose
// answers go backwards.
#include "adapters/etcd/endpoint_pool.h"

#include <gtest/gtest.h>

#include <deque>

#include "adapters/etcd/test_cluster.h"
#include "runtime/http_server.h"

namespace gemel::adapters::etcd {
namespace {

constexpr Duration limit = std::chrono::seconds(2);

runtime::HttpResponse header_answer(std::int64_t revision, std::uint64_t term) {
  return runtime::json_response(200, R"({"header":{"member_id":"1","revision":")" + std::to_string(revision) +
                                         R"(","raft_term":")" + std::to_string(term) + R"("},"succeeded":true})");
}

/// Answers transactions from a script, one after the other, and status requests with a fixed answer.
struct Script {
  std::deque<runtime::HttpResponse> transactions;
  runtime::HttpResponse status = runtime::json_response(503, "{}");
};

Task<runtime::HttpResponse> play(Script* script, std::string target) {
  if (target != "/v3/kv/txn") co_return script->status;
  if (script->transactions.empty()) co_return runtime::json_response(500, "the script is over");
  auto answer = script->transactions.front();
  script->transactions.pop_front();
  co_return answer;
}

class Pool : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "gemel-pool-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    runtime::HttpServerOptions options;
    options.local_socket = folder_ / "etcd.sock";
    auto server = runtime::HttpServer::start(
        loop_.executor(), options,
        [this](runtime::HttpRequest request, runtime::Peer) { return play(&script_, std::move(request.target)); });
    ASSERT_TRUE(server) << server.error().to_string();
    server_ = std::move(*server);
    PoolTimes times;
    times.probe_every = std::chrono::milliseconds(10);
    pool_ = std::make_unique<EndpointPool>(loop_.executor(), std::vector{voter("etcd.sock"), voter("nobody.sock")},
                                           nullptr, times);
  }
  void TearDown() override {
    EXPECT_TRUE(loop_.wait(pool_->stop(limit)).empty());
    std::optional<bool> stopped;
    loop_.start(stop(server_.get()), &stopped);
    EXPECT_TRUE(loop_.run_until([&] { return stopped.has_value(); }, limit));
    pool_.reset();
    std::filesystem::remove_all(folder_);
  }
  static Task<bool> stop(runtime::HttpServer* server) {
    co_await server->stop(std::chrono::seconds(1));
    co_return true;
  }
  [[nodiscard]] Voter voter(const std::string& socket) const {
    Voter made;
    made.name = NodeId{socket};
    made.endpoint.local_socket = folder_ / socket;
    return made;
  }
  /// Sends one transaction, and gives what came of it at the scripted voter.
  Reply send() {
    Transaction transaction;
    transaction.reads = {"/k"};
    const auto race = pool_->send(transaction, limit);
    EXPECT_TRUE(loop_.run_until([&] { return race->is_over(); }, limit + limit));
    EXPECT_EQ(race->replies[1].kind, Reply::Kind::not_sent) << "nobody listens there";
    return race->replies[0];
  }

  WaitingLoop loop_;
  Script script_;
  std::filesystem::path folder_;
  std::unique_ptr<runtime::HttpServer> server_;
  std::unique_ptr<EndpointPool> pool_;
};

TEST_F(Pool, tells_not_executed_from_unknown) {
  const std::pair<unsigned, Reply::Kind> cases[] = {{400, Reply::Kind::not_sent}, {403, Reply::Kind::not_sent},
                                                    {429, Reply::Kind::not_sent}, {503, Reply::Kind::silent},
                                                    {500, Reply::Kind::silent},   {504, Reply::Kind::silent}};
  for (const auto& [status, kind] : cases) {
    script_.transactions = {runtime::json_response(status, R"({"error":"because","message":"because"})")};
    const Reply reply = send();
    EXPECT_EQ(reply.kind, kind) << status;
    EXPECT_NE(reply.reason.find("because"), std::string::npos) << reply.reason;
  }
  script_.transactions = {runtime::json_response(200, "<html>")};
  EXPECT_EQ(send().kind, Reply::Kind::silent);
}

TEST_F(Pool, drops_answers_that_go_backwards_until_the_voter_has_caught_up) {
  script_.transactions = {header_answer(10, 2), header_answer(9, 2)};
  EXPECT_EQ(send().kind, Reply::Kind::answered);
  EXPECT_EQ(send().kind, Reply::Kind::silent) << "revision went back";
  script_.transactions = {header_answer(11, 2)};
  EXPECT_EQ(send().kind, Reply::Kind::not_sent) << "put aside";
  EXPECT_EQ(script_.transactions.size(), 1U) << "nothing was sent there";
  script_.status = header_answer(10, 2);
  pool_->start_probes();
  EXPECT_TRUE(loop_.run_until([&] { return pool_->quorum().reachable == 1; }, limit));
  EXPECT_EQ(send().kind, Reply::Kind::answered);
}

TEST_F(Pool, drops_answers_of_an_older_raft_term) {
  script_.transactions = {header_answer(10, 3), header_answer(12, 2)};
  EXPECT_EQ(send().kind, Reply::Kind::answered);
  EXPECT_EQ(send().kind, Reply::Kind::silent);
}

TEST_F(Pool, follows_a_majority_that_went_backwards) {
  PoolTimes times;
  EndpointPool alone(loop_.executor(), std::vector{voter("etcd.sock")}, nullptr, times);
  const auto ask = [&] {
    Transaction transaction;
    transaction.reads = {"/k"};
    const auto race = alone.send(transaction, limit);
    EXPECT_TRUE(loop_.run_until([&] { return race->is_over(); }, limit));
    return std::pair{race->replies[0].kind, race->floor};
  };
  script_.transactions = {header_answer(10, 3), header_answer(7, 2), header_answer(7, 2)};
  EXPECT_EQ(ask().first, Reply::Kind::answered);
  EXPECT_EQ(ask().first, Reply::Kind::silent) << "not believed at once";
  EXPECT_EQ(ask(), (std::pair{Reply::Kind::answered, Revision{7}})) << "etcd was restored: this is what it holds";
  EXPECT_TRUE(loop_.wait(alone.stop(limit)).empty());
}

TEST_F(Pool, knows_how_far_a_linearizable_answer_must_be) {
  script_.transactions = {header_answer(10, 2)};
  send();
  Transaction transaction;
  transaction.reads = {"/k"};
  const auto race = pool_->send(transaction, limit);
  EXPECT_EQ(race->floor, Revision{10});
  EXPECT_TRUE(loop_.run_until([&] { return race->is_over(); }, limit));
}

}  // namespace
}  // namespace gemel::adapters::etcd
