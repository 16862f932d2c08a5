#include "api/site_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/sample_site.h"

namespace gemel::api {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

TEST(SiteStatus, finds_nothing_wrong_with_a_healthy_site) {
  const auto summary = testing::sample_site().summary;
  EXPECT_EQ(summary.health, "healthy");
  EXPECT_EQ(summary.primary, "db1");
  EXPECT_EQ(summary.epoch, 3U);
  EXPECT_EQ(summary.lag_bytes, 72);
  EXPECT_TRUE(summary.failover_possible);
  EXPECT_EQ(summary.reason_code, "possible");
  EXPECT_EQ(summary.reason, "possible, db2 would take over");
  EXPECT_TRUE(summary.problems.empty());
}

TEST(SiteStatus, a_standalone_site_is_healthy_and_says_that_nobody_takes_over) {
  auto site = testing::sample_site();
  std::erase_if(site.hosts, [](const HostEntry& host) { return host.host == "db2"; });
  for (auto& host : site.hosts)
    if (host.status && host.status->record) host.status->record->members = {"db1"};
  const auto summary = summarise(site.hosts);
  EXPECT_EQ(summary.health, "healthy");
  EXPECT_FALSE(summary.failover_possible);
  EXPECT_EQ(summary.reason_code, "standalone");
  EXPECT_THAT(summary.reason, HasSubstr("gemel convert"));
}

TEST(SiteStatus, an_external_database_is_what_the_managers_reach) {
  auto site = testing::external_site();
  EXPECT_EQ(site.summary.health, "healthy");
  EXPECT_EQ(site.summary.reason_code, "external");
  EXPECT_EQ(site.summary.database, "db.example.org:5432");
  EXPECT_THAT(site.summary.reason, HasSubstr("db.example.org:5432 is external"));
  EXPECT_TRUE(site.summary.problems.empty());
  EXPECT_FALSE(site.summary.failover_possible);
  EXPECT_EQ(parse_site_status(to_json(site))->summary.database, "db.example.org:5432");
  EXPECT_TRUE(parse_site_status(to_json(site))->hosts[0].status->manager->is_database_reached);

  const auto lose = [&](std::size_t manager, bool is_answering) {
    auto& status = *site.hosts[manager].status->manager;
    status.is_answering = is_answering;
    status.is_database_reached = false;
    status.reason = is_answering ? "no answer for 3.0 s: certificate verify failed" : "its manager does not answer";
    return summarise(site.hosts);
  };
  auto summary = lose(1, true);
  EXPECT_EQ(summary.health, "degraded");
  EXPECT_THAT(
      summary.problems,
      Contains("ccm2: its manager does not reach the database: no answer for 3.0 s: certificate verify failed"));
  summary = lose(0, false);
  EXPECT_EQ(summary.health, "down");
  EXPECT_THAT(summary.problems, Contains("ccm1: its manager does not answer"));
  for (const auto* host : {"ccm1", "ccm2"}) testing::silence(site, host);
  EXPECT_EQ(summarise(site.hosts).health, "degraded") << "whether the managers serve, nobody has said";
  testing::silence(site, "lb1");
  EXPECT_EQ(summarise(site.hosts).health, "unknown");
  EXPECT_EQ(summarise(site.hosts).reason_code, "unknown");
}

TEST(SiteStatus, says_no_failover_without_a_majority_of_voters) {
  auto site = testing::sample_site();
  for (auto& host : site.hosts)
    host.status->store = StoreStatus{.voters = 3, .reachable = 1, .leader = "", .has_quorum = false};
  const auto summary = summarise(site.hosts);
  EXPECT_FALSE(summary.failover_possible);
  EXPECT_EQ(summary.reason_code, "no_quorum");
  EXPECT_EQ(summary.reason, "no failover is possible now: 1 of 3 etcd voters answer, 2 are needed for a majority");
  EXPECT_EQ(summary.primary, "db1") << "the primary goes on serving";
  EXPECT_EQ(summary.health, "degraded");
}

TEST(SiteStatus, warns_of_the_last_majority_but_still_counts_on_a_failover) {
  auto site = testing::sample_site();
  testing::silence(site, "ccm2");
  for (auto& host : site.hosts) {
    if (host.status) host.status->store->reachable = 2;
  }
  const auto summary = summarise(site.hosts);
  EXPECT_TRUE(summary.failover_possible);
  EXPECT_THAT(summary.problems, Contains(HasSubstr("one more lost and no failover is possible")));
}

TEST(SiteStatus, warns_when_the_primary_is_one_of_the_last_voters) {
  auto site = testing::sample_site();
  for (auto& host : site.hosts) host.status->store->reachable = 2;
  site.hosts[2].duties.push_back("voter");
  EXPECT_THAT(summarise(site.hosts).problems, Contains(HasSubstr("db1 itself is one of these voters")));
}

TEST(SiteStatus, says_no_failover_when_only_the_holder_has_everything) {
  auto site = testing::sample_site();
  for (auto& host : site.hosts) {
    host.status->record->members = {"db1"};
    host.status->record->revision = 42;
  }
  const auto summary = summarise(site.hosts);
  EXPECT_FALSE(summary.failover_possible);
  EXPECT_EQ(summary.reason_code, "no_second_copy");
  EXPECT_THAT(summary.reason, HasSubstr("no second copy"));
}

TEST(SiteStatus, believes_the_record_with_the_highest_revision) {
  auto site = testing::sample_site();
  site.hosts[0].status->record->members = {"db1"};
  site.hosts[0].status->record->revision = 99;
  EXPECT_EQ(summarise(site.hosts).reason_code, "no_second_copy");
  site.hosts[0].status->record->revision = 7;
  EXPECT_EQ(summarise(site.hosts).reason_code, "possible");
}

TEST(SiteStatus, names_what_keeps_each_member_from_taking_over) {
  auto site = testing::sample_site();
  testing::silence(site, "db2");
  auto summary = summarise(site.hosts);
  EXPECT_EQ(summary.reason_code, "no_candidate");
  EXPECT_THAT(summary.reason, HasSubstr("the agent of db2 does not answer"));

  site = testing::sample_site();
  site.hosts[3].status->database->run = "ruined";
  EXPECT_THAT(summarise(site.hosts).reason, HasSubstr("the database of db2 is ruined"));

  site = testing::sample_site();
  site.hosts[3].status->store->has_quorum = false;
  summary = summarise(site.hosts);
  EXPECT_EQ(summary.reason_code, "no_candidate") << "others see a majority, db2 does not";
  EXPECT_THAT(summary.reason, HasSubstr("db2 does not reach a majority"));
}

TEST(SiteStatus, says_that_a_pause_forbids_failover) {
  auto site = testing::sample_site();
  for (auto& host : site.hosts) {
    host.status->record->state = "paused";
    host.status->record->pause =
        PauseStatus{.by = "ops@ccm1", .reason = "new switch", .until = "2026-01-31T13:00:00.000Z"};
  }
  const auto summary = summarise(site.hosts);
  EXPECT_EQ(summary.reason_code, "paused");
  EXPECT_EQ(summary.holder, "db1");
  ASSERT_TRUE(summary.pause);
  EXPECT_EQ(summary.pause->reason, "new switch");
  EXPECT_THAT(summary.reason, HasSubstr("paused by ops@ccm1 until 2026-01-31T13:00:00.000Z"));
}

TEST(SiteStatus, reports_two_open_primaries_as_a_problem) {
  auto site = testing::sample_site();
  auto& second = *site.hosts[3].status->database;
  second.role = "primary";
  second.is_gate_open = true;
  const auto summary = summarise(site.hosts);
  EXPECT_THAT(summary.problems, Contains("db1 and db2 claim to be primary with open gates at the same time"));
  EXPECT_EQ(summary.primary, "db1") << "the record decides";
}

TEST(SiteStatus, a_primary_behind_a_shut_gate_does_not_serve) {
  auto site = testing::sample_site();
  site.hosts[2].status->database->is_gate_open = false;
  const auto summary = summarise(site.hosts);
  EXPECT_EQ(summary.primary, "");
  EXPECT_EQ(summary.health, "down");
  EXPECT_EQ(summary.lag_bytes, -1);
}

TEST(SiteStatus, knows_that_it_knows_nothing_when_no_agent_answers) {
  auto site = testing::sample_site();
  for (const auto* name : {"ccm1", "ccm2", "db1", "db2", "lb1"}) testing::silence(site, name);
  const auto summary = summarise(site.hosts);
  EXPECT_EQ(summary.health, "unknown");
  EXPECT_EQ(summary.reason_code, "unknown");
  EXPECT_FALSE(summary.failover_possible);
}

TEST(SiteStatus, repeats_each_hosts_own_problems_and_dead_backends) {
  auto site = testing::sample_site();
  site.hosts[2].status->problems = {"the rule set was flushed and restored"};
  site.hosts[4].status->balancer->backends[1].state = "DOWN";
  const auto problems = summarise(site.hosts).problems;
  EXPECT_THAT(problems, Contains("db1: the rule set was flushed and restored"));
  EXPECT_THAT(problems, Contains("lb1: manager ccm2 is DOWN at the balancer"));
}

TEST(SiteStatus, survives_a_round_trip_through_json) {
  auto site = testing::sample_site();
  testing::silence(site, "ccm2");
  const auto text = to_json(site);
  const auto again = parse_site_status(text);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(to_json(*again), text);
  EXPECT_FALSE(again->hosts[1].status);
  EXPECT_EQ(again->hosts[2].status->database->standbys.at(0).lag_bytes, 72);
}

TEST(HostStatus, ignores_unknown_keys_and_keeps_defaults_for_missing_ones) {
  const auto status = parse_host_status(R"({"host":"db1","colour":"blue","database":{"run":"standby"}})");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->host, "db1");
  EXPECT_EQ(status->database->run, "standby");
  EXPECT_EQ(status->api_version, "v1");
  EXPECT_FALSE(status->record);
}

TEST(HostStatus, names_the_key_of_a_wrong_value) {
  const auto status = parse_host_status(R"({"record":{"epoch":"three"}})");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "record: epoch: must be a whole number in range");
  EXPECT_EQ(parse_host_status("{").error().code, ErrorCode::invalid);
  EXPECT_EQ(parse_host_status("[]").error().code, ErrorCode::invalid);
  EXPECT_FALSE(parse_host_status(R"({"database":{"timeline":-1}})"));
}

TEST(HostStatus, carries_events) {
  const std::vector<Event> events = {{.id = 7,
                                      .time = "2026-01-31T12:00:00.000Z",
                                      .host = "db1",
                                      .level = "info",
                                      .rule = "R1",
                                      .message = "took \"over\"\n",
                                      .epoch = 4}};
  const auto again = parse_events(to_json(events));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->at(0).message, events[0].message);
  EXPECT_EQ(again->at(0).epoch, 4U);
}

}  // namespace
}  // namespace gemel::api
