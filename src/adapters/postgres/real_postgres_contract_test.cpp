// What only a real server can show: cancelled commit waits, frozen processes, markers on disk, who may log in,
// adoption after a restart of the agent, crashes of the postmaster.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <fstream>

#include "adapters/postgres/control_file.h"
#include "adapters/postgres/postgres_session.h"
#include "adapters/postgres/test_servers.h"
#include "runtime/files.h"

namespace gemel::adapters::postgres {
namespace {
using core::PostgresFacts;
using core::PostgresRun;
using namespace std::chrono_literals;
using testing::HasSubstr;

const NodeId db1{"db1"};
const NodeId db2{"db2"};

runtime::Task<Result<PostgresFacts>> until(RealPostgres* server, std::function<bool(const PostgresFacts&)> wanted) {
  const TimePoint deadline = runtime::boot_now() + 15s;
  for (;;) {
    auto facts = co_await server->observe();
    if (!facts || wanted(*facts)) co_return facts;
    if (runtime::boot_now() > deadline) co_return fail(ErrorCode::timed_out, "the facts never came");
    co_await runtime::sleep_for(5ms);
  }
}

runtime::Task<Result<Rows>> ask(boost::asio::any_io_executor executor, std::string conninfo, std::string sql) {
  auto session = co_await PqConnection::connect(executor, conninfo, 2s);
  if (!session) co_return std::unexpected(session.error());
  co_return co_await session->query(sql, {}, 10s);
}

struct Waiting {
  bool is_done = false;
  Result<Rows> outcome;
  std::string sqlstate;
};
runtime::Task<void> keep(std::shared_ptr<Waiting> waiting, std::shared_ptr<PqConnection> session, std::string sql) {
  waiting->outcome = co_await session->query(sql, {}, 20s);
  waiting->sqlstate = session->last_sqlstate();
  waiting->is_done = true;
}

class RealPostgresTest : public testing::Test {
 protected:
  template <typename T>
  T value(Result<T> result) {
    EXPECT_TRUE(result.has_value()) << result.error().to_string();
    return std::move(result).value();
  }
  void done(const Status& status) { ASSERT_TRUE(status.has_value()) << status.error().to_string(); }
  void make_primary(TestServer& server) {
    done(pair_.run(server->bootstrap()));
    done(pair_.run(server->start({}, {})));
    value(pair_.run(server->promote({}, 0)));
  }
  void make_standby(TestServer& server, const NodeId& source) {
    {
      const Stopwatch watch("clone");
      done(pair_.run(server->clone(source)));
    }
    {
      const Stopwatch watch("start");
      done(pair_.run(server->start(source, {})));
    }
    const Stopwatch watch("receiving");
    facts_when(server, [](const PostgresFacts& seen) { return seen.is_receiving; });
  }
  PostgresFacts facts(TestServer& server) { return value(pair_.run(server->observe())); }
  PostgresFacts facts_when(TestServer& server, std::function<bool(const PostgresFacts&)> wanted) {
    return value(pair_.run(until(&*server, std::move(wanted))));
  }
  std::shared_ptr<PqConnection> connect(const std::string& conninfo) {
    return std::make_shared<PqConnection>(
        value(pair_.run(PqConnection::connect(pair_.loop.get_executor(), conninfo, 2s))));
  }
  Result<Rows> local(TestServer& server, const std::string& sql, const std::string& database = "postgres") {
    return pair_.run(ask(pair_.loop.get_executor(), local_conninfo(server.config(), database), sql));
  }
  Result<Rows> as_application(TestServer& server, const std::string& sql) {
    return pair_.run(ask(pair_.loop.get_executor(), server.application_conninfo(), sql));
  }
  TestPair pair_;
};

TEST_F(RealPostgresTest, sessions_keep_the_outcomes_apart) {
  auto& server = *pair_.first;
  make_primary(server);
  const auto session = connect(local_conninfo(server.config(), "postgres"));
  value(pair_.run(session->query("create table t (n int primary key); insert into t values (1)", {}, 2s)));
  const auto twice = pair_.run(session->query("insert into t values ($1)", {"1"}, 2s));
  ASSERT_FALSE(twice.has_value());
  EXPECT_EQ(twice.error().code, ErrorCode::conflict);
  EXPECT_EQ(session->last_sqlstate(), "23505");
  EXPECT_FALSE(session->is_connection_lost());
  EXPECT_EQ(pair_.run(session->query("selec", {}, 2s)).error().code, ErrorCode::invalid);
  const auto rows = value(pair_.run(session->query_all("select 1, null; select n as m from t", 2s)));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].values[0][1], std::nullopt);
  EXPECT_EQ(rows[1].columns, std::vector<std::string>{"m"});
  EXPECT_EQ(value(pair_.run(session->query("update t set n = 5", {}, 2s))).affected, 1U);
  const auto late = pair_.run(session->query("select pg_sleep(30)", {}, 50ms));
  EXPECT_EQ(late.error().code, ErrorCode::timed_out);
  EXPECT_TRUE(session->is_connection_lost());
  EXPECT_EQ(pair_.run(session->query("select 1", {}, 1s)).error().code, ErrorCode::unavailable);
  // A session that is ended by the server while a query waits: the query was certainly rolled back.
  const auto victim = connect(local_conninfo(server.config(), "postgres"));
  const auto waiting = std::make_shared<Waiting>();
  runtime::TaskScope scope(pair_.loop.get_executor(), "test");
  scope.spawn("sleep", keep(waiting, victim, "select pg_sleep(30)"));
  const auto pid = std::to_string(victim->backend_pid());
  while (
      local(server, "select 1 from pg_stat_activity where wait_event = 'PgSleep' and pid = " + pid)->values.empty()) {
  }
  value(local(server, "select pg_terminate_backend(" + pid + ")"));
  while (!waiting->is_done) pair_.loop.run_one();
  EXPECT_EQ(waiting->outcome.error().code, ErrorCode::unavailable);
  EXPECT_EQ(waiting->sqlstate, "57P01");
}

TEST_F(RealPostgresTest, cancelled_wait_for_the_standby_is_unknown) {
  auto& server = *pair_.first;
  make_primary(server);
  value(as_application(server, "create table t (n int)"));
  value(pair_.run(server->set_names({db2}, true)));
  const auto session = connect(server.application_conninfo());
  const auto waiting = std::make_shared<Waiting>();
  runtime::TaskScope scope(pair_.loop.get_executor(), "test");
  scope.spawn("insert", keep(waiting, session, "insert into t values (1)"));
  while (local(server, "select 1 from pg_stat_activity where wait_event = 'SyncRep'")->values.empty()) {
  }
  EXPECT_FALSE(waiting->is_done);
  value(local(server, "select pg_cancel_backend(" + std::to_string(session->backend_pid()) + ")"));
  while (!waiting->is_done) pair_.loop.run_one();
  ASSERT_FALSE(waiting->outcome.has_value()) << "never acknowledged";
  EXPECT_EQ(waiting->outcome.error().code, ErrorCode::timed_out);
  EXPECT_EQ(waiting->sqlstate, "01000");
  // The server itself calls it a success and shows the row: that is why the warning counts.
  EXPECT_EQ(value(local(server, "select count(*) from t", "gemel")).first(), "1");
  // The old list is still in force for old sessions until the barrier; with it a commit goes through at once.
  value(pair_.run(server->set_names({}, true)));
  EXPECT_TRUE(pair_.run(session->query("insert into t values (2)", {}, 2s)).has_value());
}

TEST_F(RealPostgresTest, admits_only_who_is_named) {
  auto& server = *pair_.first;
  make_primary(server);
  EXPECT_EQ(value(as_application(server, "select current_user")).first(), "cliqr");
  EXPECT_EQ(value(local(server, "select setting from pg_settings where name = 'data_checksums'")).first(), "on");
  EXPECT_EQ(value(local(server, "select count(*) from pg_authid where rolpassword not like 'SCRAM-SHA-256%'")).first(),
            "0");
  EXPECT_EQ(as_application(server, "select pg_terminate_backend(1)").error().code, ErrorCode::denied);
  EXPECT_EQ(as_application(server, "select pg_cancel_backend(1)").error().code, ErrorCode::denied);
  const auto refused = [&](std::map<std::string, std::string> change) {
    std::map<std::string, std::string> options{
        {"host", "127.0.0.1"}, {"port", std::to_string(server.config().port)},     {"user", "cliqr"},
        {"dbname", "gemel"},   {"password", server.config().application.password}, {"sslmode", "require"}};
    change.merge(options);
    const auto answer = pair_.run(ask(pair_.loop.get_executor(), make_conninfo(change), "select 1"));
    return answer.has_value() ? std::string("admitted") : answer.error().message;
  };
  EXPECT_EQ(refused({}), "admitted");
  EXPECT_THAT(refused({{"sslmode", "disable"}}), HasSubstr("pg_hba.conf rejects"));
  EXPECT_THAT(refused({{"password", "wrong"}}), HasSubstr("password authentication failed"));
  EXPECT_THAT(refused({{"user", "postgres"}, {"dbname", "postgres"}}), HasSubstr("pg_hba.conf rejects"));
  EXPECT_THAT(refused({{"user", "gemel_rewind"}, {"dbname", "postgres"}, {"password", "rewind-1"}}),
              HasSubstr("requires a valid client certificate"));
  EXPECT_THAT(refused({{"user", "gemel_rewind"}, {"password", "rewind-1"}}), HasSubstr("pg_hba.conf rejects"));
}

TEST_F(RealPostgresTest, unfinished_work_is_never_started) {
  auto& first = *pair_.first;
  auto& second = *pair_.second;
  const auto marker = second.config().state_dir / "bootstrap.marker";
  // A directory that bootstrap did not begin is left alone.
  std::filesystem::create_directories(first.config().data_dir);
  std::ofstream(first.config().data_dir / "PG_VERSION") << "15\n";
  EXPECT_EQ(pair_.run(first->bootstrap()).error().code, ErrorCode::refused);
  // One that it began is wiped and made anew.
  done(runtime::write_file_durably(first.config().state_dir / "bootstrap.marker", "unfinished\n", 0600));
  EXPECT_EQ(facts(first).run, PostgresRun::absent);
  make_primary(first);
  done(pair_.run(first->mark_served(Epoch{4})));
  make_standby(second, db1);
  EXPECT_FALSE(std::filesystem::exists(marker));
  done(pair_.run(second->kill()));
  done(pair_.run(second->mark_served(Epoch{2})));
  // A rewind that was cut short.
  done(runtime::write_file_durably(second.config().state_dir / "rewind.marker", "x", 0600));
  EXPECT_EQ(facts(second).run, PostgresRun::ruined);
  EXPECT_EQ(pair_.run(second->start(db1, {})).error().code, ErrorCode::refused);
  EXPECT_EQ(pair_.run(second->rewind(db1)).error().code, ErrorCode::refused);
  EXPECT_EQ(pair_.run(second->bootstrap()).error().code, ErrorCode::refused);
  make_standby(second, db1);
  EXPECT_EQ(facts(second).served, Epoch{}) << "the epochs went with the directory";
  EXPECT_EQ(facts(second).system_id, facts(first).system_id);
}

TEST_F(RealPostgresTest, failed_rewind_stays_ruined_until_cloned) {
  make_primary(*pair_.first);
  make_standby(*pair_.second, db1);
  done(pair_.run((*pair_.second)->kill()));
  // The tool cannot understand this control file and gives up; how far it came is nobody's business.
  done(
      runtime::write_file_durably(pair_.second->config().data_dir / "global/pg_control", std::string(8192, 'x'), 0600));
  const auto rewound = pair_.run((*pair_.second)->rewind(db1));
  ASSERT_FALSE(rewound.has_value());
  EXPECT_THAT(rewound.error().message, HasSubstr("pg_rewind"));
  EXPECT_EQ(facts(*pair_.second).run, PostgresRun::ruined);
  make_standby(*pair_.second, db1);
}

TEST_F(RealPostgresTest, stop_ends_in_time_although_the_standby_is_frozen) {
  auto& first = *pair_.first;
  make_primary(first);
  make_standby(*pair_.second, db1);
  pair_.second->freeze();
  const TimePoint begin = runtime::boot_now();
  const auto end = pair_.run(first->stop(300ms));
  const Duration took = runtime::boot_now() - begin;
  pair_.second->thaw();
  ASSERT_TRUE(end.has_value()) << end.error().to_string();
  EXPECT_EQ(*end, Lsn{}) << "killed, so there is no shutdown checkpoint to rely on";
  EXPECT_GE(took, 300ms);
  EXPECT_LT(took, 2s);
  EXPECT_EQ(facts(first).run, PostgresRun::stopped);
  done(pair_.run(first->start({}, {})));
  EXPECT_EQ(facts(first).run, PostgresRun::standby);
}

TEST_F(RealPostgresTest, silent_primary_shows_in_the_write_probe) {
  auto& first = *pair_.first;
  make_primary(first);
  EXPECT_EQ(facts(first).write_probe_age, 0ns);
  first.freeze();
  const TimePoint begin = runtime::boot_now();
  const auto silent = facts_when(first, [](const PostgresFacts& seen) { return seen.write_probe_age > 1500ms; });
  EXPECT_EQ(silent.run, PostgresRun::primary);
  const TimePoint before = runtime::boot_now();
  facts(first);
  EXPECT_LT(runtime::boot_now() - before, 400ms) << "observing a frozen server is bounded";
  EXPECT_GE(runtime::boot_now() - begin, 1s);
  first.thaw();
  facts_when(first, [](const PostgresFacts& seen) { return seen.write_probe_age == 0ns; });
}

TEST_F(RealPostgresTest, adopts_a_running_server_and_hears_its_end) {
  auto& first = *pair_.first;
  make_primary(first);
  first.reopen();
  EXPECT_EQ(facts(first).run, PostgresRun::primary);
  const auto ends = std::make_shared<int>(0);  // outlives the test: tearing down ends the server once more
  first->on_exit([ends] { ++*ends; });
  const auto pid = value(local(first, "select pg_backend_pid()"));
  EXPECT_FALSE(pid.first().empty());
  const auto text = value(runtime::read_file(first.config().data_dir / "postmaster.pid"));
  const TimePoint begin = runtime::boot_now();
  ASSERT_EQ(::kill(std::stoi(text), SIGKILL), 0);
  while (*ends == 0) pair_.loop.run_one();
  std::printf("[ timing   ] exit seen  %8.1f ms\n", static_cast<double>((runtime::boot_now() - begin) / 1us) / 1000.0);
  facts_when(first, [](const PostgresFacts& seen) { return seen.run == PostgresRun::stopped; });
  std::printf("[ timing   ] all gone   %8.1f ms\n", static_cast<double>((runtime::boot_now() - begin) / 1us) / 1000.0);
  EXPECT_EQ(*ends, 1);
  // Started again it is a standby, whoever it was before.
  done(pair_.run(first->start({}, {})));
  EXPECT_EQ(facts(first).run, PostgresRun::standby);
}

TEST_F(RealPostgresTest, an_adopted_server_takes_certificates_that_were_exchanged_meanwhile) {
  auto& first = *pair_.first;
  make_primary(first);
  ASSERT_TRUE(as_application(first, "select 1"));
  const auto pid = value(local(first, "select pg_postmaster_start_time()")).first();
  runtime::TestAuthority next("next");
  const auto issued = next.issue({.name = "db1", .dns = {"db1"}});
  const auto& tls = first.config().tls;
  using std::filesystem::copy_options;
  std::filesystem::copy_file(issued.certificate, tls.server_certificate, copy_options::overwrite_existing);
  std::filesystem::copy_file(issued.key, tls.server_key, copy_options::overwrite_existing);
  EXPECT_TRUE(as_application(first, "select 1")) << "nobody has told the server";
  std::filesystem::copy_file(issued.ca, tls.ca, copy_options::overwrite_existing);
  EXPECT_FALSE(as_application(first, "select 1")) << "it still shows the former certificate";
  first.reopen();
  EXPECT_EQ(facts(first).run, PostgresRun::primary);
  const TimePoint until = runtime::boot_now() + 5s;
  while (!as_application(first, "select 1") && runtime::boot_now() < until) facts(first);
  EXPECT_TRUE(as_application(first, "select 1"));
  EXPECT_EQ(value(local(first, "select pg_postmaster_start_time()")).first(), pid) << "without a restart";
  facts_when(first, [&](const PostgresFacts&) { return !std::filesystem::exists(first.config().tls_dir / "unread"); });
  // An agent that died between the copies and the signal left a note.
  const auto read_at = value(local(first, "select pg_conf_load_time()")).first();
  done(runtime::write_file_durably(first.config().tls_dir / "unread", "", 0600));
  first.reopen();
  facts_when(first, [&](const PostgresFacts&) {
    return value(local(first, "select pg_conf_load_time()")).first() != read_at &&
           !std::filesystem::exists(first.config().tls_dir / "unread");
  });
}

TEST_F(RealPostgresTest, an_adopted_server_lets_in_the_hosts_of_its_new_configuration) {
  auto& first = *pair_.first;
  make_primary(first);
  value(pair_.run(first->set_names({db2}, false)));
  const auto started = value(local(first, "select pg_postmaster_start_time()")).first();
  const auto loaded = value(local(first, "select pg_conf_load_time()")).first();
  first.reopen([](PostgresConfig& config) { config.peers.push_back({NodeId{"db3"}, "127.0.0.3", 5432}); });
  facts_when(first, [&](const PostgresFacts& seen) {
    return seen.run == PostgresRun::primary && value(local(first, "select pg_conf_load_time()")).first() != loaded;
  });
  EXPECT_EQ(value(local(first, "select count(*) from pg_hba_file_rules where address = '127.0.0.3'")).first(), "2");
  EXPECT_EQ(value(local(first, "show synchronous_standby_names")).first(), "FIRST 1 (\"db2\")") << "not its business";
  EXPECT_EQ(value(local(first, "select pg_postmaster_start_time()")).first(), started) << "the same server";
}

TEST_F(RealPostgresTest, touches_nothing_under_a_server_that_somebody_else_started) {
  auto& first = *pair_.first;
  make_primary(first);
  make_standby(*pair_.second, db1);
  done(pair_.run((*pair_.second)->kill()));
  const auto data = pair_.second->config().data_dir;
  // What tells a postmaster: the number in its lock file is that of a process that works in the data directory.
  std::array<int, 2> arrived{};
  ASSERT_EQ(::pipe2(arrived.data(), O_CLOEXEC), 0);
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    if (::chdir(data.c_str()) != 0 || ::write(arrived[1], "x", 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  ASSERT_GT(stranger, 0);
  char byte = 0;
  ASSERT_EQ(::read(arrived[0], &byte, 1), 1);
  ::close(arrived[0]);
  ::close(arrived[1]);
  done(runtime::write_file_durably(data / "postmaster.pid", std::to_string(stranger) + "\n", 0600));
  auto& second = *pair_.second;
  for (const auto& refused :
       {pair_.run(second->start(db1, {})), pair_.run(second->rewind(db1)), pair_.run(second->clone(db1))}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_NE(refused.error().message.find(std::to_string(stranger)), std::string::npos) << refused.error().message;
  }
  done(pair_.run(second->kill()));
  EXPECT_TRUE(std::filesystem::exists(data / "PG_VERSION"));
  EXPECT_TRUE(std::filesystem::exists(data / "postmaster.pid"));
  ::kill(stranger, SIGKILL);
  ::waitpid(stranger, nullptr, 0);
  done(pair_.run(second->start(db1, {})));
}

/// What pg_controldata says of the directory, beside what the file itself says.
void expect_same_control(const PostgresConfig& config, const std::string& tool) {
  const auto direct = parse_control_file(runtime::read_file(config.data_dir / "global/pg_control").value());
  const auto told = parse_control_data(tool);
  ASSERT_TRUE(direct.has_value()) << direct.error().to_string();
  ASSERT_TRUE(told.has_value()) << told.error().to_string();
  EXPECT_EQ(direct->system_id, told->system_id);
  EXPECT_EQ(direct->state, told->state);
  EXPECT_EQ(direct->timeline, told->timeline);
  EXPECT_EQ(direct->checkpoint, told->checkpoint);
  EXPECT_EQ(direct->redo, told->redo);
  EXPECT_EQ(direct->minimum_recovery_end, told->minimum_recovery_end);
  EXPECT_EQ(direct->segment_size, told->segment_size);
  EXPECT_EQ(direct->segment_size, 4U << 20U);
}

TEST_F(RealPostgresTest, reads_the_control_file_as_pg_controldata_does) {
  const auto told = [this](TestServer& server) {
    runtime::ChildSpec spec;
    spec.arguments = {(server.config().bin_dir / "pg_controldata").string(), server.config().data_dir.string()};
    spec.environment = {{"LC_ALL", "C"}};
    return value(pair_.run(runtime::run_command(std::move(spec), 5s))).output;
  };
  make_primary(*pair_.first);
  make_standby(*pair_.second, db1);
  done(pair_.run((*pair_.first)->checkpoint()));
  expect_same_control(pair_.first->config(), told(*pair_.first));
  expect_same_control(pair_.second->config(), told(*pair_.second));
  value(pair_.run((*pair_.second)->stop(5s)));
  expect_same_control(pair_.second->config(), told(*pair_.second));
  const auto end = value(pair_.run((*pair_.first)->stop(5s)));
  expect_same_control(pair_.first->config(), told(*pair_.first));
  EXPECT_EQ(facts(*pair_.first).wal_end, end);
}

TEST_F(RealPostgresTest, a_stop_that_is_over_is_no_crash_and_can_be_followed_by_a_start) {
  auto& first = *pair_.first;
  make_primary(first);
  for (int round = 0; round < 3; ++round) {
    const auto ends = std::make_shared<int>(0);
    first->on_exit([ends] { ++*ends; });
    value(pair_.run(first->stop(5s)));
    EXPECT_EQ(facts(first).run, PostgresRun::stopped) << "whatever the postmaster still clears up";
    done(pair_.run(first->start({}, {})));
    EXPECT_EQ(*ends, 0) << "nobody is told of a crash";
    value(pair_.run(first->promote({}, 0)));
    EXPECT_EQ(facts(first).run, PostgresRun::primary);
  }
}

/// Recovery has asked for a WAL receiver, and the postmaster starts it in the very moment in which it passes the
/// request for a promotion on: the stop of the postmaster makes both come together.
TEST_F(RealPostgresTest, promotion_wakes_a_recovery_that_waits_to_search_again) {
  auto& second = *pair_.second;
  make_primary(*pair_.first);
  make_standby(second, db1);
  std::ofstream(second.config().data_dir / "postgresql.auto.conf") << "wal_retrieve_retry_interval = '4s'\n";
  value(local(second, "select pg_reload_conf()"));
  const auto session = connect(local_conninfo(second.config(), "postgres"));
  const auto ask_number = [&](const std::string& sql) {
    return std::atoi(
        value(pair_.run(session->query("select " + sql + " from pg_stat_activity", {}, 2s))).first().c_str());
  };
  const int before = ask_number("count(*) filter (where backend_type = 'client backend')");
  second->expect_promotion();
  while (ask_number("count(*) filter (where backend_type = 'client backend')") == before) {
  }
  const std::string receiver = "coalesce(max(pid) filter (where backend_type = 'walreceiver'), 0)";
  const int receiving = ask_number(receiver);
  ASSERT_GT(receiving, 0);
  const int postmaster = std::stoi(value(runtime::read_file(second.config().data_dir / "postmaster.pid")));
  ASSERT_EQ(::kill(postmaster, SIGSTOP), 0);
  ASSERT_EQ(::kill(receiving, SIGTERM), 0);
  while (ask_number(receiver) != 0) {
  }
  boost::asio::steady_timer timer(pair_.loop, 300ms);
  timer.async_wait([postmaster](const auto&) { ::kill(postmaster, SIGCONT); });
  const TimePoint begin = runtime::boot_now();
  value(pair_.run(second->promote({}, 0)));
  EXPECT_LT(runtime::boot_now() - begin, 2s);
}

TEST_F(RealPostgresTest, a_timeline_has_the_number_it_was_given_and_standbys_follow_over_the_gap) {
  auto& first = *pair_.first;
  auto& second = *pair_.second;
  make_primary(first);
  make_standby(second, db1);
  done(pair_.run(first->kill()));
  EXPECT_EQ(value(pair_.run(second->promote({}, 6))).timeline, 6U);
  done(pair_.run(second->checkpoint()));
  done(pair_.run(first->rewind(db2)));
  // Numbers reserved for a promotion that never was: with them in place a standby would not find its timeline.
  const auto wal = first.config().data_dir / "pg_wal";
  std::ofstream(wal / "00000007.history") << "# nothing\n";
  std::ofstream(wal / "00000008.history") << "";
  done(pair_.run(first->start(db2, {})));
  EXPECT_FALSE(std::filesystem::exists(wal / "00000007.history"));
  EXPECT_FALSE(std::filesystem::exists(wal / "00000008.history"));
  EXPECT_TRUE(std::filesystem::exists(wal / "00000006.history"));
  facts_when(first, [](const PostgresFacts& seen) { return seen.is_receiving && seen.timeline == 6; });
  // A number that is known already is on another fork.
  std::ofstream(wal / "0000000A.history") << "2\t0/3000148\tno recovery target specified\n";
  EXPECT_EQ(pair_.run(first->promote({}, 10)).error().code, ErrorCode::conflict);
  EXPECT_EQ(facts(first).run, PostgresRun::standby);
  std::filesystem::remove(wal / "0000000A.history");
  done(pair_.run(second->kill()));
  EXPECT_EQ(value(pair_.run(first->promote({}, 10))).timeline, 10U);
  done(pair_.run(first->checkpoint()));
  // Running when its primary changes: it asks for the history of every number in between.
  done(pair_.run(second->rewind(db1)));
  done(pair_.run(second->start(db1, {})));
  facts_when(second, [](const PostgresFacts& seen) { return seen.is_receiving && seen.timeline == 10; });
  done(pair_.run(first->kill()));
  done(pair_.run(first->start({}, {})));
  EXPECT_EQ(value(pair_.run(first->promote({}, 14))).timeline, 14U);
  facts_when(second, [](const PostgresFacts& seen) { return seen.is_receiving && seen.timeline == 14; });
}

TEST_F(RealPostgresTest, promotion_ends_the_sessions_of_clients) {
  make_primary(*pair_.first);
  value(as_application(*pair_.first, "create table t (n int)"));
  make_standby(*pair_.second, db1);
  value(pair_.run((*pair_.first)->set_names({db2}, true)));
  for (int n = 0; n < 20; ++n) value(as_application(*pair_.first, "insert into t values (" + std::to_string(n) + ")"));
  const auto reader = connect(pair_.second->application_conninfo());
  value(pair_.run(reader->query("begin isolation level repeatable read; select * from t", {}, 2s)));
  done(pair_.run((*pair_.first)->kill()));
  value(pair_.run((*pair_.second)->promote({}, 0)));
  EXPECT_FALSE(pair_.run(reader->query("select 1", {}, 2s)).has_value());
  EXPECT_EQ(value(as_application(*pair_.second, "select count(*) from t")).first(), "20") << "none lost";
  EXPECT_EQ(value(local(*pair_.second, "show restart_after_crash")).first(), "off");
  EXPECT_EQ(value(local(*pair_.second, "show synchronous_standby_names")).first(), "");
}

}  // namespace
}  // namespace gemel::adapters::postgres
