// Every path of the agent's endpoint, who may use it, and the metrics text.
#include "agent/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <regex>
#include <set>

#include "agent/describe_status.h"
#include "agent/metrics.h"
#include "base/text.h"
#include "core/policy.h"

namespace gemel::agent {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

const runtime::Peer local{.is_local_socket = true};

runtime::Peer remote(const std::vector<std::string>& uris) {
  return {.address = "10.77.0.5", .common_name = "some", .uris = uris};
}

class Endpoint : public ::testing::Test {
 protected:
  Endpoint() {
    status.host = "db2";
    status.role = "MGMTPOSTGRES_SLAVE";
    status.version = "1.2.3";
    status.record = api::RecordStatus{3, "db1", {"db1", "db2"}, "normal", 12};
    status.database = api::DatabaseStatus{};
    status.history = {{1, "db1", true, 2, "0/3000000"}, {3, "db2", false, 0, "0/0"}};
    source.site = "lab";
    source.status = [this] { return status; };
    source.events = [this](std::uint64_t after) {
      asked_after = after;
      return std::vector<api::Event>{{8, "t", "db2", "info", "start", "one", 3}};
    };
    source.metrics = [] { return "gemel_up 1\n"; };
    source.replica_lag = [this] { return lag; };
    source.switch_over = [this](NodeId to) {
      asked.push_back(to.name);
      return switchover;
    };
  }
  void be_standby() {
    status.database->role = "standby";
    status.database->run = "standby";
    status.database->is_receiving = true;
  }
  void be_primary() {
    status.database->role = "primary";
    status.database->run = "primary";
  }
  runtime::HttpResponse ask(const std::string& method, const std::string& target, const std::string& body = "",
                            const runtime::Peer& peer = local) {
    return answer(source, {method, target, {}, body}, peer);
  }
  unsigned get(const std::string& target) { return ask("GET", target).status; }

  api::HostStatus status;
  std::optional<std::uint64_t> lag;
  std::uint64_t asked_after = 99;
  core::Answer switchover{1, true, "", "accepted"};
  std::vector<std::string> asked;
  EndpointSource source;
};

TEST_F(Endpoint, shows_status_events_rules_history_and_metrics) {
  for (const auto* path : {"/status", "/cluster", "/status?x=1"}) {
    const auto response = ask("GET", path);
    EXPECT_EQ(response.status, 200U);
    const auto read = api::parse_host_status(response.body);
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(read->host, "db2");
  }
  const auto events = ask("GET", "/events?after=7");
  EXPECT_EQ(asked_after, 7U);
  EXPECT_EQ(api::parse_events(events.body)->at(0).id, 8U);
  EXPECT_EQ(get("/events"), 200U);
  EXPECT_EQ(asked_after, 0U);
  const auto rules = ask("GET", "/rules");
  for (const auto& rule : core::policy_table())
    EXPECT_THAT(rules.body, HasSubstr("\"id\":\"" + std::string(rule.id) + "\""));
  EXPECT_THAT(ask("GET", "/history").body, HasSubstr(R"("host":"db1","timeline":2,"switch_lsn":"0/3000000")"));
  const auto metrics = ask("GET", "/metrics");
  EXPECT_EQ(metrics.body, "gemel_up 1\n");
  EXPECT_EQ(metrics.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
}

TEST_F(Endpoint, bad_numbers_are_refused_not_guessed) {
  for (const auto* target :
       {"/events?after=", "/events?after=x", "/events?after=-1", "/events?after=7x",
        "/events?after=99999999999999999999", "/replica?lag=", "/replica?lag=16MB", "/replica?lag=-1"}) {
    const auto response = ask("GET", target);
    EXPECT_EQ(response.status, 400U) << target;
    EXPECT_EQ(response.headers.at("content-type"), "application/problem+json");
  }
}

TEST_F(Endpoint, says_404_for_unknown_paths_and_405_with_allow_for_other_methods) {
  for (const auto* path : {"/", "", "/statusx", "/status/", "/../status", "/%00", "/switchover/"}) {
    EXPECT_EQ(get(path), 404U) << path;
  }
  for (const auto* path : {"/status", "/cluster", "/events", "/rules", "/history", "/metrics", "/liveness",
                           "/readiness", "/primary", "/replica", "/sync"}) {
    EXPECT_NE(get(path), 404U) << path;
    for (const auto* method : {"POST", "PUT", "DELETE", "PATCH", "BREW"}) {
      const auto response = ask(method, path);
      EXPECT_EQ(response.status, 405U) << method << path;
      EXPECT_EQ(response.headers.at("allow"), "GET, HEAD");
    }
    EXPECT_EQ(ask("HEAD", path).status, get(path));
  }
  const auto read = ask("GET", "/switchover");
  EXPECT_EQ(read.status, 405U);
  EXPECT_EQ(read.headers.at("allow"), "POST");
}

struct RoleAnswers {
  unsigned primary, replica, sync, readiness;
};

TEST_F(Endpoint, role_urls_follow_the_role) {
  const auto expect = [this](const std::string& what, RoleAnswers answers) {
    EXPECT_EQ(get("/primary"), answers.primary) << what;
    EXPECT_EQ(get("/replica"), answers.replica) << what;
    EXPECT_EQ(get("/sync"), answers.sync) << what;
    EXPECT_EQ(get("/readiness"), answers.readiness) << what;
    EXPECT_EQ(get("/liveness"), 200U) << what;
  };
  be_standby();
  expect("a synchronous standby", {503, 200, 200, 200});
  status.record->members = {"db1"};
  expect("a standby that lags behind S", {503, 200, 503, 200});
  status.record.reset();
  expect("a standby without a record", {503, 200, 503, 200});
  status.database->is_receiving = false;
  expect("a standby that receives nothing", {503, 503, 503, 503});
  be_primary();
  expect("the primary", {200, 503, 503, 200});
  for (const auto* role : {"starting", "stopped", "fenced"}) {
    status.database->role = role;
    expect(role, {503, 503, 503, 503});
  }
  status.database.reset();
  expect("a host without a database", {503, 503, 503, 200});
  EXPECT_TRUE(api::parse_host_status(ask("GET", "/primary").body)) << "the body says why";
}

TEST_F(Endpoint, replica_compares_its_lag_with_the_one_asked_for) {
  be_standby();
  lag = 1000;
  EXPECT_EQ(get("/replica?lag=1000"), 200U);
  EXPECT_EQ(get("/replica?lag=1001"), 200U);
  EXPECT_EQ(get("/replica?lag=999"), 503U);
  EXPECT_EQ(get("/replica?lag=0"), 503U);
  lag = 0;
  EXPECT_EQ(get("/replica?lag=0"), 200U);
  lag.reset();
  EXPECT_EQ(get("/replica?lag=1000"), 503U) << "nobody knows";
  EXPECT_EQ(get("/replica"), 200U);
  source.replica_lag = nullptr;
  EXPECT_EQ(get("/replica?lag=1000"), 503U);
  lag = 0;
  be_primary();
  EXPECT_EQ(get("/replica?lag=1000"), 503U);
}

TEST(ReplicaLag, is_what_the_primary_said_minus_what_is_here) {
  const NodeId db1{"db1"};
  core::Config config;
  config.databases = {db1, NodeId{"db2"}};
  core::State state(NodeId{"db2"}, config, 1);
  state.now = TimePoint{std::chrono::hours(1)};
  EXPECT_FALSE(replica_lag(state)) << "no record";
  core::Record record;
  record.holder = db1;
  state.store.record = core::VersionedRecord{record, Revision{1}};
  state.facts.run = core::PostgresRun::standby;
  state.facts.wal_end = Lsn{1000};
  EXPECT_FALSE(replica_lag(state)) << "the holder was never heard";
  auto& peer = state.peers[db1];
  peer.heard_at = state.now;
  peer.beat.wal_end = Lsn{1500};
  EXPECT_FALSE(replica_lag(state)) << "the holder is no primary yet";
  peer.beat.run = core::PostgresRun::primary;
  EXPECT_EQ(replica_lag(state), 500U);
  peer.beat.wal_end = Lsn{900};  // heard a moment ago, received more since
  EXPECT_EQ(replica_lag(state), 0U);
  peer.heard_at = state.now - config.timers.suspect;
  EXPECT_FALSE(replica_lag(state)) << "the holder is silent";
  peer.heard_at = state.now;
  state.facts.run = core::PostgresRun::primary;
  EXPECT_FALSE(replica_lag(state)) << "no standby";
}

TEST_F(Endpoint, switchover_is_for_agents_and_managers_of_this_site) {
  const std::string body = R"({"to":"db2"})";
  EXPECT_EQ(ask("POST", "/switchover", body).status, 202U);
  EXPECT_EQ(ask("POST", "/switchover", body, remote({"gemel:lab:agent:db1"})).status, 202U);
  EXPECT_EQ(ask("POST", "/switchover", body, remote({"gemel:lab:web:ccm1", "gemel:lab:manager:ccm1"})).status, 202U);
  EXPECT_EQ(asked.size(), 3U);
  for (const auto& uris : std::vector<std::vector<std::string>>{{},
                                                                {"gemel:lab:web:ccm1"},
                                                                {"gemel:lab:etcd-client:db1"},
                                                                {"gemel:other:agent:db1"},
                                                                {"gemel:lab:agents:x"},
                                                                {"gemel:lab:manager"},
                                                                {"xgemel:lab:agent:db1"},
                                                                {"gemel:lab2:manager:ccm1"},
                                                                {"gemel::agent:db1"}}) {
    const auto response = ask("POST", "/switchover", body, remote(uris));
    EXPECT_EQ(response.status, 403U) << join(uris, " ");
    EXPECT_THAT(response.body, HasSubstr("\"denied\""));
  }
  EXPECT_EQ(asked.size(), 3U) << "a refused one must not reach the controller";
}

TEST_F(Endpoint, switchover_passes_the_target_on) {
  EXPECT_EQ(ask("POST", "/switchover", R"({"to":"db2"})").body, R"({"accepted":true})");
  EXPECT_EQ(ask("POST", "/switchover", R"({"to":""})").status, 202U);
  EXPECT_EQ(ask("POST", "/switchover", "{}").status, 202U);
  EXPECT_EQ(ask("POST", "/switchover").status, 202U);
  EXPECT_EQ(asked, (std::vector<std::string>{"db2", "", "", ""}));
}

TEST_F(Endpoint, switchover_refuses_what_is_not_its_json) {
  for (const auto* body : {"{", "x", "[]", "\"db2\"", "null", "7", R"({"to":7})", R"({"to":null})", R"({"to":["db2"]})",
                           R"({"to":"db2"} x)", "\xff"}) {
    const auto response = ask("POST", "/switchover", body);
    EXPECT_EQ(response.status, 400U) << body;
    EXPECT_EQ(response.headers.at("content-type"), "application/problem+json");
  }
  EXPECT_EQ(ask("POST", "/switchover", std::string(10'000, '[')).status, 400U);
  EXPECT_TRUE(asked.empty());
}

TEST_F(Endpoint, switchover_that_is_refused_says_why) {
  switchover = {1, false, "not_synchronous", "'db2' is not a synchronous standby now"};
  const auto response = ask("POST", "/switchover", R"({"to":"db2"})");
  EXPECT_EQ(response.status, 409U);
  EXPECT_THAT(response.body, HasSubstr(R"("code":"not_synchronous")"));
  EXPECT_THAT(response.body, HasSubstr("'db2' is not a synchronous standby now"));
  source.switch_over = nullptr;
  const auto elsewhere = ask("POST", "/switchover", R"({"to":"db2"})");
  EXPECT_EQ(elsewhere.status, 409U);
  EXPECT_THAT(elsewhere.body, HasSubstr(R"("code":"not_database")"));
}

/// Checks each line of the text format, and gives the names of the metrics.
std::set<std::string> metric_names(const std::string& text) {
  static const std::regex sample(R"(^([a-z0-9_]+)(\{([a-z_]+="([^"\\\n]|\\.)*",?)+\})? (-?[0-9.e+-]+|NaN|[+-]?Inf)$)");
  static const std::regex comment(R"(^# (HELP|TYPE) ([a-z0-9_]+) (.+)$)");
  std::set<std::string> helped;
  std::set<std::string> typed;
  std::set<std::string> sampled;
  EXPECT_TRUE(text.ends_with('\n'));
  for (const auto& line : split(text.substr(0, text.size() - 1), '\n')) {
    std::smatch match;
    if (std::regex_match(line, match, comment)) {
      const bool is_new = (match[1] == "HELP" ? helped : typed).insert(match[2]).second;
      EXPECT_TRUE(is_new) << "twice: " << line;
      // What only grows is a counter and is called so; everything else is a gauge.
      if (match[1] == "TYPE")
        EXPECT_EQ(match[3], std::string(match[2]).ends_with("_total") ? "counter" : "gauge") << line;
    } else if (std::regex_match(line, match, sample)) {
      EXPECT_TRUE(helped.contains(match[1]) && typed.contains(match[1])) << line;
      EXPECT_TRUE(std::string(match[1]).starts_with("gemel_")) << line;
      sampled.insert(match[1]);
    } else {
      ADD_FAILURE() << "not a line of the format: " << line;
    }
  }
  EXPECT_EQ(helped, sampled);
  EXPECT_EQ(typed, sampled);
  return sampled;
}

TEST_F(Endpoint, metrics_are_in_the_text_format) {
  be_primary();
  status.role = "a \"quoted\" \\ role";
  status.database->standbys = {{"db2", true, "0/1", 12}, {"db3", false, "0/0", 5'000'000'000}};
  status.database->links = {{"db2", 12, 34}, {"db3", -1, -1}};
  status.store = api::StoreStatus{3, 2, "db1", true};
  status.balancer = api::BalancerStatus{true, {{"ccm1", "UP", 3}, {"ccm2", "DOWN", 0}}};
  const core::State state(NodeId{"db2"}, core::Config{}, 1);
  adapters::heartbeat::HeartbeatStats heartbeat;
  heartbeat.replayed = 7;
  const auto text = metrics_text(status, &state, &heartbeat);
  const auto names = metric_names(text);
  for (const auto* name :
       {"gemel_info", "gemel_uptime_seconds", "gemel_epoch", "gemel_etcd_has_quorum", "gemel_balancer_server_up",
        "gemel_primary", "gemel_gate_open", "gemel_standby_lag_bytes", "gemel_heartbeat_heard_age_seconds",
        "gemel_heartbeat_rejected_total", "gemel_postgres_write_probe_age_seconds"})
    EXPECT_TRUE(names.contains(name)) << name;
  EXPECT_THAT(text, HasSubstr("\ngemel_primary 1\n"));
  EXPECT_THAT(text, HasSubstr("\ngemel_epoch 3\n"));
  EXPECT_THAT(text, HasSubstr("\ngemel_standby_lag_bytes{standby=\"db3\"} 5000000000\n"));
  EXPECT_THAT(text, HasSubstr("\ngemel_balancer_server_up{server=\"ccm2\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("\ngemel_heartbeat_rejected_total{reason=\"replayed\"} 7\n"));
}

TEST_F(Endpoint, metrics_tell_of_a_pause_and_of_the_clients_side) {
  status.database->service_targets = 3;
  status.database->service_reachable = 2;
  const auto text = metrics_text(status, nullptr, nullptr);
  EXPECT_THAT(text, HasSubstr("\ngemel_paused 0\n"));
  EXPECT_FALSE(metric_names(text).contains("gemel_pause_info"));
  EXPECT_THAT(text, HasSubstr("\ngemel_service_targets 3\n"));
  EXPECT_THAT(text, HasSubstr("\ngemel_service_targets_reachable 2\n"));
  status.record->pause = api::PauseStatus{"ops@db1", "new \"switch\"", "2026-01-31T13:00:00.000Z", 3600, 1800};
  const auto paused = metrics_text(status, nullptr, nullptr);
  EXPECT_THAT(paused, HasSubstr("\ngemel_paused 1\n"));
  EXPECT_THAT(paused, HasSubstr("\ngemel_pause_remaining_seconds 1800\n"));
  EXPECT_THAT(paused, HasSubstr("by=\"ops@db1\",reason=\"new \\\"switch\\\"\""));
  EXPECT_TRUE(metric_names(paused).contains("gemel_pause_info"));
}

TEST(PauseStatus, counts_down_from_the_sending_or_from_when_it_was_first_seen) {
  using std::chrono::seconds;
  core::State state(NodeId{"db2"}, core::Config{}, 1);
  state.now = TimePoint{std::chrono::hours(1)};
  core::Record record;
  record.state = core::RecordState::paused;
  record.pause = core::Pause{"id", "ops@db1", "new switch", "2026-01-31T13:00:00.000Z", seconds(600)};
  state.store.record = core::VersionedRecord{record, Revision{1}};
  state.pause = core::PauseWatch{"id", state.now - seconds(60), std::nullopt};
  api::HostStatus described;
  describe_record(state, described);
  ASSERT_TRUE(described.record && described.record->pause);
  EXPECT_EQ(described.record->pause->by, "ops@db1");
  EXPECT_EQ(described.record->pause->length_seconds, 600);
  EXPECT_EQ(described.record->pause->remaining_seconds, 540);
  state.pause->sent = state.now - seconds(61);
  describe_record(state, described);
  EXPECT_EQ(described.record->pause->remaining_seconds, 539);
  state.pause->sent = state.now - seconds(700);
  describe_record(state, described);
  EXPECT_EQ(described.record->pause->remaining_seconds, 0);
}

TEST_F(Endpoint, metrics_of_a_host_without_a_database_name_no_database) {
  status.database.reset();
  status.record.reset();
  EXPECT_EQ(metric_names(metrics_text(status, nullptr, nullptr)),
            (std::set<std::string>{"gemel_info", "gemel_uptime_seconds"}));
}

}  // namespace
}  // namespace gemel::agent
