#include "cli/site_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/sample_site.h"
#include "cli/table.h"

namespace gemel::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(SiteText, prints_a_healthy_site) {
  const auto text = status_text(api::testing::sample_site(), TableWidth::normal, false);
  EXPECT_EQ(text,
            "+ Site: harbour (epoch 3, revision 41) ---+------------------------------+----+------+---------+\n"
            "| Host | Role                | Address    | State                        | TL | Lag  | In sync |\n"
            "+------+---------------------+------------+------------------------------+----+------+---------+\n"
            "| ccm1 | CCM_SA_PRIMARY      | 10.77.0.11 | manager up                   |    |      |         |\n"
            "| ccm2 | CCM_SA_SECONDARY    | 10.77.0.12 | manager up                   |    |      |         |\n"
            "| db1  | MGMTPOSTGRES_MASTER | 10.77.0.21 | primary                      |  4 |      | yes     |\n"
            "| db2  | MGMTPOSTGRES_SLAVE  | 10.77.0.22 | standby, streaming           |  4 | 72 B | yes     |\n"
            "| lb1  | CCM_LB              | 10.77.0.31 | balancer, 2 of 2 managers up |    |      |         |\n"
            "+------+---------------------+------------+------------------------------+----+------+---------+\n"
            "Health:   healthy\n"
            "Primary:  db1\n"
            "Failover: possible, db2 would take over\n");
}

TEST(SiteText, begins_with_who_paused_the_site_and_why) {
  auto site = api::testing::sample_site();
  for (auto& host : site.hosts) {
    host.status->record->state = "paused";
    host.status->record->pause = api::PauseStatus{.by = "ops@ccm1",
                                                  .reason = "new switch\x1b[2J",
                                                  .until = "2026-01-31T13:00:00.000Z",
                                                  .length_seconds = 3600,
                                                  .remaining_seconds = 1860};
  }
  site.summary = api::summarise(site.hosts);
  const auto text = status_text(site, TableWidth::normal, false);
  EXPECT_TRUE(
      text.starts_with("PAUSED by ops@ccm1 until 2026-01-31T13:00:00.000Z (another 31 min 0 s): new switch?[2J\n"
                       "Nobody takes over meanwhile. End it with: gemel resume\n"))
      << text;
  EXPECT_THAT(text, HasSubstr("paused by ops@ccm1 until 2026-01-31T13:00:00.000Z\n"));
}

TEST(SiteText, says_when_no_failover_is_possible) {
  auto site = api::testing::sample_site();
  for (auto& host : site.hosts)
    host.status->store = api::StoreStatus{.voters = 3, .reachable = 1, .leader = "", .has_quorum = false};
  site.summary = api::summarise(site.hosts);
  const auto text = status_text(site, TableWidth::normal, false);
  EXPECT_THAT(text, HasSubstr("Failover: no failover is possible now: 1 of 3 etcd voters answer"));
  EXPECT_THAT(text, HasSubstr("Health:   degraded"));
}

TEST(SiteText, shows_a_host_that_does_not_answer) {
  auto site = api::testing::sample_site();
  api::testing::silence(site, "db1");
  site.summary = api::summarise(site.hosts);
  const auto text = status_text(site, TableWidth::wide, false);
  EXPECT_THAT(text, HasSubstr("no answer"));
  EXPECT_THAT(text, HasSubstr("Primary:  none"));
  EXPECT_THAT(text, HasSubstr("Problem:  db1: the agent does not answer (no connection)"));
}

TEST(SiteText, colours_only_when_asked) {
  const auto site = api::testing::sample_site();
  EXPECT_THAT(status_text(site, TableWidth::wide, false), Not(HasSubstr("\x1b")));
  EXPECT_THAT(status_text(site, TableWidth::wide, true), HasSubstr("\x1b[32mprimary\x1b[0m"));
}

TEST(SiteText, prints_no_control_bytes_of_a_host) {
  auto site = api::testing::sample_site();
  site.hosts[2].status->problems = {"bell \x07 and \x1b[2J clear"};
  site.summary = api::summarise(site.hosts);
  EXPECT_THAT(status_text(site, TableWidth::normal, false), HasSubstr("bell ? and ?[2J clear"));
}

TEST(SiteText, draws_the_tree) {
  EXPECT_EQ(topology_text(api::testing::sample_site(), false),
            "lb1 (10.77.0.31): balancer, 2 of 2 managers up\n"
            " |- ccm1 (10.77.0.11): manager up\n"
            " `- ccm2 (10.77.0.12): manager up\n"
            "    |\n"
            "    `- db1 (10.77.0.21): primary\n"
            "        `- db2 (10.77.0.22): standby, streaming, lag 72 B\n"
            "Failover: possible, db2 would take over\n");
}

TEST(SiteText, shows_an_external_database_and_who_reaches_it) {
  auto site = api::testing::external_site();
  EXPECT_EQ(status_text(site, TableWidth::normal, false),
            "+ Site: harbour ----------+------------+------------------------------+----+-----+---------+\n"
            "| Host | Role             | Address    | State                        | TL | Lag | In sync |\n"
            "+------+------------------+------------+------------------------------+----+-----+---------+\n"
            "| ccm1 | CCM_SA_PRIMARY   | 10.77.0.11 | manager up                   |    |     |         |\n"
            "| ccm2 | CCM_SA_SECONDARY | 10.77.0.12 | manager up                   |    |     |         |\n"
            "| lb1  | CCM_LB           | 10.77.0.31 | balancer, 2 of 2 managers up |    |     |         |\n"
            "+------+------------------+------------+------------------------------+----+-----+---------+\n"
            "Health:   healthy\n"
            "Database: external, db.example.org:5432; reached by ccm1 and ccm2\n"
            "Failover: the database db.example.org:5432 is external: its provider sees to failovers\n");
  EXPECT_THAT(topology_text(site, false),
              HasSubstr("    `- database: external, db.example.org:5432; reached by ccm1 and ccm2\n"));
  site.hosts[1].status->manager->is_database_reached = false;
  EXPECT_THAT(status_text(site, TableWidth::normal, false), HasSubstr("; reached by ccm1, not by ccm2\n"));
  site.hosts[0].status->manager->is_database_reached = false;
  EXPECT_THAT(status_text(site, TableWidth::normal, false), HasSubstr("; reached by no manager\n"));
  for (const auto* host : {"ccm1", "ccm2"}) api::testing::silence(site, host);
  EXPECT_THAT(status_text(site, TableWidth::normal, false), HasSubstr("; nobody says whether it is reached\n"));
}

TEST(SiteText, prints_events) {
  const std::vector<api::Event> events = {{.id = 1,
                                           .time = "2026-01-31T12:00:00.000Z",
                                           .host = "db2",
                                           .level = "warn",
                                           .rule = "R1",
                                           .message = "took over",
                                           .epoch = 4}};
  EXPECT_EQ(events_text(events, false), "2026-01-31T12:00:00.000Z db2    warn  e4 R1: took over\n");
}

TEST(SiteText, writes_amounts_for_people) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text(-1), "unknown");
  EXPECT_EQ(duration_text(3720), "1 h 2 min");
  EXPECT_EQ(duration_text(61), "1 min 1 s");
}

TEST(Table, aligns_utf8_and_numbers) {
  Table table{.title = {},
              .header = {"Naïve", "N"},
              .rows = {{{"é"}, {"7", Colour::none, true}}, {{"abcdef"}, {"12", Colour::none, true}}}};
  EXPECT_EQ(render_table(table, false),
            "+--------+----+\n| Naïve  | N  |\n+--------+----+\n| é      |  7 |\n| abcdef | 12 |\n+--------+----+\n");
}

TEST(Table, keeps_a_title_longer_than_the_table) {
  Table table{.title = "a long title", .header = {"x"}, .rows = {}};
  EXPECT_THAT(render_table(table, false), HasSubstr("+ a long title +\n"));
}

}  // namespace
}  // namespace gemel::cli
