// The promises of PostgresServer, told as stories to the fake and to two real servers.
#include <gmock/gmock.h>

#include <chrono>

#include "adapters/postgres/fake_postgres.h"
#include "adapters/postgres/postgres_session.h"
#include "adapters/postgres/test_servers.h"

namespace gemel::adapters::postgres {
namespace {
using core::PostgresFacts;
using core::PostgresRun;

const NodeId db1{"db1"};
const NodeId db2{"db2"};

/// Two servers that can replicate, and a way to commit on one.
class Ground {
 public:
  virtual ~Ground() = default;
  virtual PostgresServer& server(const NodeId& node) = 0;
  virtual boost::asio::io_context& loop() = 0;
  virtual bool commit(const NodeId& node) = 0;
  template <typename T>
  T run(std::string step, runtime::Task<T> task) {
    const Stopwatch watch(std::move(step));
    return run_on(loop(), std::move(task));
  }
};

class FakeGround final : public Ground {
 public:
  PostgresServer& server(const NodeId& node) override { return node == db1 ? first_ : second_; }
  boost::asio::io_context& loop() override { return loop_; }
  bool commit(const NodeId& node) override { return (node == db1 ? first_ : second_).write(100); }

 private:
  boost::asio::io_context loop_;
  FakeWorld world_;
  FakePostgres first_{world_, db1}, second_{world_, db2};
};

runtime::Task<Result<Rows>> insert_row(boost::asio::any_io_executor executor, std::string conninfo) {
  auto session = co_await PqConnection::connect(executor, conninfo, std::chrono::seconds(2));
  if (!session) co_return std::unexpected(session.error());
  auto made = co_await session->query("create table if not exists rows (n int)", {}, std::chrono::seconds(5));
  if (!made) co_return std::unexpected(made.error());
  co_return co_await session->query("insert into rows values ($1)", {"1"}, std::chrono::seconds(5));
}

class RealGround final : public Ground {
 public:
  PostgresServer& server(const NodeId& node) override { return node == db1 ? **pair_.first : **pair_.second; }
  boost::asio::io_context& loop() override { return pair_.loop; }
  bool commit(const NodeId& node) override {
    const auto& target = node == db1 ? *pair_.first : *pair_.second;
    auto done = pair_.run(insert_row(pair_.loop.get_executor(), target.application_conninfo()));
    if (!done) std::printf("commit: %s\n", done.error().to_string().c_str());
    return done.has_value();
  }

 private:
  TestPair pair_;
};

runtime::Task<Result<PostgresFacts>> until(PostgresServer* server, std::function<bool(const PostgresFacts&)> wanted) {
  const TimePoint deadline = runtime::boot_now() + std::chrono::seconds(15);
  for (;;) {
    auto facts = co_await server->observe();
    if (!facts || wanted(*facts)) co_return facts;
    if (runtime::boot_now() > deadline)
      co_return fail(ErrorCode::timed_out,
                     "facts never came, run state " + std::to_string(static_cast<int>(facts->run)));
    co_await runtime::sleep_for(std::chrono::milliseconds(5));
  }
}

class PostgresServerContract : public testing::TestWithParam<bool> {
 protected:
  PostgresServerContract() {
    if (GetParam()) {
      ground_ = std::make_unique<RealGround>();
    } else {
      ground_ = std::make_unique<FakeGround>();
    }
  }

  PostgresFacts facts(const NodeId& node) {
    auto seen = run_on(ground_->loop(), ground_->server(node).observe());
    EXPECT_TRUE(seen.has_value()) << seen.error().to_string();
    return seen.value_or(PostgresFacts{});
  }
  PostgresFacts facts_when(const NodeId& node, std::function<bool(const PostgresFacts&)> wanted) {
    auto seen = run_on(ground_->loop(), until(&ground_->server(node), std::move(wanted)));
    EXPECT_TRUE(seen.has_value()) << seen.error().to_string();
    return seen.value_or(PostgresFacts{});
  }
  static void expect_done(const Status& status) { EXPECT_TRUE(status.has_value()) << status.error().to_string(); }
  template <typename T>
  T value(const Result<T>& result) {
    EXPECT_TRUE(result.has_value()) << result.error().to_string();
    return result.value_or(T{});
  }
  void make_primary(const NodeId& node) {
    expect_done(ground_->run("bootstrap", ground_->server(node).bootstrap()));
    expect_done(ground_->run("start", ground_->server(node).start({}, {})));
    EXPECT_EQ(value(ground_->run("promote", ground_->server(node).promote({}, 0))).timeline, 2U);
    expect_done(ground_->run("served", ground_->server(node).mark_served(Epoch{1})));
  }
  void make_standby(const NodeId& node, const NodeId& source) {
    expect_done(ground_->run("clone", ground_->server(node).clone(source)));
    expect_done(ground_->run("start", ground_->server(node).start(source, {})));
    facts_when(node, [](const PostgresFacts& seen) { return seen.is_receiving; });
  }
  std::unique_ptr<Ground> ground_;
};

TEST_P(PostgresServerContract, bootstrap_ends_as_a_stopped_standby_of_nobody) {
  auto& server = ground_->server(db1);
  EXPECT_EQ(facts(db1).run, PostgresRun::absent);
  EXPECT_EQ(run_on(ground_->loop(), server.start({}, {})).error().code, ErrorCode::refused);
  expect_done(ground_->run("bootstrap", server.bootstrap()));
  const auto stopped = facts(db1);
  EXPECT_EQ(stopped.run, PostgresRun::stopped);
  EXPECT_TRUE(stopped.bootstrap_pending);
  EXPECT_EQ(stopped.timeline, 1U);
  EXPECT_NE(stopped.system_id, "");
  EXPECT_GT(stopped.wal_end, Lsn{});
  expect_done(run_on(ground_->loop(), server.bootstrap()));
  expect_done(ground_->run("start", server.start({}, {})));
  EXPECT_EQ(facts(db1).run, PostgresRun::standby);
  EXPECT_EQ(run_on(ground_->loop(), server.start({}, {})).error().code, ErrorCode::conflict);
  const auto promoted = value(ground_->run("promote", server.promote({}, 0)));
  EXPECT_EQ(promoted.timeline, 2U);
  EXPECT_EQ(promoted.switch_lsn, stopped.wal_end) << "the end of the shutdown checkpoint is computed exactly";
  EXPECT_GT(promoted.end, promoted.switch_lsn);
  expect_done(run_on(ground_->loop(), server.mark_served(Epoch{3})));
  expect_done(run_on(ground_->loop(), server.mark_served(Epoch{2})));
  const auto primary = facts(db1);
  EXPECT_EQ(primary.run, PostgresRun::primary);
  EXPECT_EQ(primary.timeline, 2U);
  EXPECT_EQ(primary.served, Epoch{3});
  EXPECT_FALSE(primary.bootstrap_pending);
  EXPECT_GE(primary.wal_end, promoted.end);
  EXPECT_EQ(run_on(ground_->loop(), server.promote({}, 0)).error().code, ErrorCode::refused);
  EXPECT_EQ(run_on(ground_->loop(), server.follow(db2)).error().code, ErrorCode::refused);
}

TEST_P(PostgresServerContract, failover_and_return) {
  auto& first = ground_->server(db1);
  auto& second = ground_->server(db2);
  make_primary(db1);
  EXPECT_TRUE(ground_->commit(db1));
  make_standby(db2, db1);
  const auto names = value(ground_->run("barrier", first.set_names({db2}, true)));
  EXPECT_GT(names.mark, Lsn{});
  const auto with_all = facts_when(db1, [&](const PostgresFacts& seen) {
    return seen.standbys.size() == 1 && seen.standbys[0].flush_lsn >= names.mark;
  });
  EXPECT_EQ(with_all.names, NodeSet{db2});
  EXPECT_EQ(with_all.standbys[0].node, db2);
  EXPECT_TRUE(with_all.standbys[0].is_streaming);
  EXPECT_TRUE(ground_->commit(db1)) << "acknowledged by both";
  facts(db1);
  {
    const Stopwatch watch("observe");
    facts(db1);
  }

  expect_done(ground_->run("kill", first.kill()));
  const auto dead = facts(db1);
  EXPECT_EQ(dead.run, PostgresRun::stopped);
  EXPECT_EQ(dead.upstream, NodeId{});
  EXPECT_EQ(dead.served, Epoch{1});
  EXPECT_TRUE(dead.was_primary);
  const auto promoted = value(ground_->run("promote", second.promote({}, 6)));
  EXPECT_EQ(promoted.timeline, 6U) << "the number that was asked for";
  EXPECT_GE(promoted.switch_lsn, names.mark);
  EXPECT_TRUE(ground_->commit(db2));
  expect_done(ground_->run("checkpoint", second.checkpoint()));

  expect_done(ground_->run("rewind", first.rewind(db2)));
  EXPECT_EQ(facts(db1).served, Epoch{}) << "what it served is gone with the rewind";
  expect_done(ground_->run("start", first.start(db2, {})));
  expect_done(ground_->run("emit", second.emit_wal()));
  const auto goal = facts(db2).wal_end;
  const auto back =
      facts_when(db1, [&](const PostgresFacts& seen) { return seen.is_receiving && seen.wal_end >= goal; });
  EXPECT_EQ(back.run, PostgresRun::standby);
  EXPECT_EQ(back.timeline, 6U);
  EXPECT_EQ(back.upstream, db2);
  EXPECT_EQ(back.names, NodeSet{});
  expect_done(ground_->run("follow", first.follow({})));
  const auto alone = facts_when(db1, [](const PostgresFacts& seen) { return !seen.is_receiving; });
  EXPECT_EQ(alone.upstream, NodeId{});
  EXPECT_EQ(alone.receiver, 0U);
  expect_done(ground_->run("follow", first.follow(db2)));
  const auto again = facts_when(db1, [](const PostgresFacts& seen) { return seen.is_receiving; });
  EXPECT_FALSE(again.was_primary);
  EXPECT_NE(again.receiver, back.receiver) << "another stream";
  EXPECT_EQ(facts(db1).receiver, again.receiver) << "the same stream";
  expect_done(ground_->run("kill", first.kill()));
  EXPECT_FALSE(facts(db1).was_primary) << "a standby since it was started";
}

TEST_P(PostgresServerContract, clean_stop_hands_everything_to_the_standby) {
  make_primary(db1);
  make_standby(db2, db1);
  value(ground_->run("names", ground_->server(db1).set_names({db2}, true)));
  EXPECT_TRUE(ground_->commit(db1));
  const auto end = value(ground_->run("stop", ground_->server(db1).stop(std::chrono::seconds(5))));
  EXPECT_EQ(facts(db1).run, PostgresRun::stopped);
  EXPECT_EQ(facts(db1).wal_end, end);
  EXPECT_TRUE(facts(db1).was_primary) << "stopped cleanly";
  facts_when(db2, [&](const PostgresFacts& seen) { return seen.wal_end >= end; });
  const auto promoted = value(ground_->run("promote", ground_->server(db2).promote({db1}, 5)));
  EXPECT_EQ(promoted.switch_lsn, end) << "nothing is missing and nothing is too much";
  EXPECT_EQ(facts(db2).names, NodeSet{db1});
  // No divergence: the old primary follows as it is.
  expect_done(ground_->run("start", ground_->server(db1).start(db2, {})));
  facts_when(db2, [&](const PostgresFacts& seen) {
    return seen.standbys.size() == 1 && seen.standbys[0].flush_lsn >= promoted.end;
  });
  EXPECT_TRUE(ground_->commit(db2));
}

TEST_P(PostgresServerContract, source_that_is_down_costs_nothing) {
  make_primary(db1);
  auto& server = ground_->server(db1);
  value(ground_->run("stop", server.stop(std::chrono::seconds(5))));
  EXPECT_EQ(run_on(ground_->loop(), server.rewind(db2)).error().code, ErrorCode::unavailable);
  EXPECT_EQ(run_on(ground_->loop(), server.clone(db2)).error().code, ErrorCode::unavailable);
  EXPECT_EQ(facts(db1).run, PostgresRun::stopped);
}

INSTANTIATE_TEST_SUITE_P(Servers, PostgresServerContract, testing::Bool(),
                         [](const testing::TestParamInfo<bool>& tested) { return tested.param ? "real" : "fake"; });

}  // namespace
}  // namespace gemel::adapters::postgres
