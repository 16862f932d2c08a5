#include "setup/replacement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gemel::setup {
namespace {

using Verdict = Replaceability::Verdict;

site::Host host_of(const std::string& name, site::Concepts concepts) {
  site::Host host;
  host.name = name;
  host.concepts = concepts;
  return host;
}
site::Host database(const std::string& name) { return host_of(name, {.database = true}); }

/// db1 serves alone; db2 is gone and out of S.
api::SiteStatus without_db2() {
  api::SiteStatus status;
  status.summary.primary = "db1";
  status.summary.members = {"db1"};
  for (const auto* name : {"ccm1", "db1", "db2"}) {
    api::HostEntry entry;
    entry.host = name;
    if (entry.host != "db2") {
      entry.is_reachable = true;
      entry.status.emplace().store.emplace().has_quorum = true;
    }
    status.hosts.push_back(entry);
  }
  return status;
}

TEST(Replacement, is_possible_when_another_host_serves_and_nobody_counts_on_this_one) {
  EXPECT_EQ(replaceability_of(database("db2"), without_db2()).verdict, Verdict::possible);
}

TEST(Replacement, with_an_external_database_there_is_no_store_to_ask) {
  auto status = without_db2();
  status.summary = {};
  status.summary.reason_code = "external";
  for (auto& entry : status.hosts)
    if (entry.status) entry.status->store.reset();
  std::erase_if(status.hosts, [](const api::HostEntry& entry) { return entry.host == "db1"; });
  const auto manager = host_of("db2", {.manager = true});
  EXPECT_EQ(replaceability_of(manager, status).verdict, Verdict::possible);
  EXPECT_EQ(replaceability_of(host_of("ccm1", {}), status).verdict, Verdict::refused) << "it is well";
  status.summary.reason_code = "unknown";
  EXPECT_EQ(replaceability_of(manager, status).verdict, Verdict::refused);
}

TEST(Replacement, waits_while_a_silent_host_is_still_counted_on) {
  auto status = without_db2();
  status.summary.members = {"db1", "db2"};
  EXPECT_EQ(replaceability_of(database("db2"), status).verdict, Verdict::wait);
}

TEST(Replacement, never_touches_a_host_that_is_well_or_serves_or_is_the_only_one_with_the_data) {
  const auto expect_refusal = [](const api::SiteStatus& status, const std::string& host, const char* says) {
    const auto answer = replaceability_of(database(host), status);
    EXPECT_EQ(answer.verdict, Verdict::refused);
    EXPECT_THAT(answer.why, testing::HasSubstr(says));
  };
  expect_refusal(without_db2(), "db1", "is the primary");
  expect_refusal(without_db2(), "nobody", "does not know");
  auto well = without_db2();
  well.summary.members = {"db1", "db2"};
  well.hosts[2].is_reachable = true;
  expect_refusal(well, "db2", "nothing to replace");
  auto down = without_db2();
  down.summary.primary.clear();
  expect_refusal(down, "db2", "no host serves");
  auto split = without_db2();
  for (auto& entry : split.hosts)
    if (entry.status) entry.status->store->has_quorum = false;
  expect_refusal(split, "db2", "no majority");
  auto paused = without_db2();
  paused.summary.pause.emplace();
  expect_refusal(paused, "db2", "gemel resume");
}

TEST(Replacement, is_over_when_the_host_is_a_member_and_a_failover_is_possible) {
  auto status = without_db2();
  status.hosts[2].is_reachable = true;
  status.hosts[2].status.emplace();
  EXPECT_THAT(missing_redundancy(database("db2"), status), testing::HasSubstr("does not hold"));
  status.summary.members = {"db1", "db2"};
  status.hosts[2].is_reachable = false;
  EXPECT_THAT(missing_redundancy(database("db2"), status), testing::HasSubstr("does not answer"));
  status.hosts[2].is_reachable = true;
  status.hosts[2].status.emplace();
  status.summary.reason = "not yet";
  EXPECT_EQ(missing_redundancy(database("db2"), status), "not yet");
  status.summary.failover_possible = true;
  EXPECT_EQ(missing_redundancy(database("db2"), status), "");
}

// A commit waits for one standby; the next one streams, and is not in S.
TEST(Replacement, a_further_standby_does_its_part_by_streaming_beside_one_that_commits_wait_for) {
  auto status = without_db2();
  auto& added = status.hosts.emplace_back();
  added.host = "db3";
  added.is_reachable = true;
  added.status.emplace().database.emplace().role = "standby";
  status.summary.members = {"db1", "db2"};
  status.summary.failover_possible = true;
  auto& primary = *status.hosts[1].status;
  primary.database.emplace().role = "primary";
  EXPECT_THAT(missing_redundancy(database("db3"), status), testing::HasSubstr("does not hold"));
  primary.database->standbys.push_back({"db3", true, "0/1", 0});
  EXPECT_EQ(missing_redundancy(database("db3"), status), "");
  status.summary.members = {"db1"};
  EXPECT_THAT(missing_redundancy(database("db3"), status), testing::HasSubstr("does not hold")) << "nobody else does";
}

api::StoreStatus without_member(const std::string& host) {
  api::StoreStatus store;
  store.has_quorum = true;
  if (!host.empty()) store.silent = {host};
  return store;
}

/// ccm2 is gone, and with it a voter and a manager; everybody else is well.
api::SiteStatus without_ccm2() {
  api::SiteStatus status;
  status.summary.primary = "db1";
  status.summary.members = {"db1", "db2"};
  status.summary.failover_possible = true;
  for (const std::string name : {"ccm1", "ccm2", "db1", "db2", "lb1"}) {
    api::HostEntry entry;
    entry.host = name;
    entry.is_reachable = name != "ccm2";
    if (entry.is_reachable) entry.status.emplace().store.emplace(without_member("ccm2"));
    status.hosts.push_back(entry);
  }
  status.hosts[4].status->balancer.emplace(api::BalancerStatus{true, {{"ccm1", "UP", 0}, {"ccm2", "DOWN", 0}}});
  return status;
}

const site::Host ccm2 = host_of("ccm2", {.manager = true, .voter = true});
const site::Host lb1 = host_of("lb1", {.balancer = true, .voter = true});

/// The machine was set up again: its member joined, the balancer sends it requests.
api::SiteStatus with_ccm2() {
  auto status = without_ccm2();
  status.hosts[1].is_reachable = true;
  status.hosts[1].status.emplace().store.emplace();
  for (auto& entry : status.hosts) *entry.status->store = without_member("");
  status.hosts[4].status->balancer->backends[1].state = "UP";
  return status;
}

TEST(Replacement, a_voter_needs_a_majority_of_the_others_and_no_primary) {
  auto status = without_ccm2();
  EXPECT_EQ(replaceability_of(ccm2, status).verdict, Verdict::possible);
  status.summary.primary.clear();
  status.summary.pause.emplace();
  EXPECT_EQ(replaceability_of(ccm2, status).verdict, Verdict::possible) << "its data is nobody's";
  for (auto& entry : status.hosts)
    if (entry.status) entry.status->store->has_quorum = false;
  EXPECT_THAT(replaceability_of(ccm2, status).why, testing::HasSubstr("no majority"));
}

TEST(Replacement, a_voter_that_is_well_is_left_alone_and_one_that_is_half_done_is_not) {
  auto status = with_ccm2();
  EXPECT_THAT(replaceability_of(ccm2, status).why, testing::HasSubstr("nothing to replace"));
  EXPECT_THAT(replaceability_of(lb1, status).why, testing::HasSubstr("nothing to replace"));
  status.hosts[4].status->balancer->backends[1].state = "DOWN";
  EXPECT_EQ(replaceability_of(ccm2, status).verdict, Verdict::possible) << "the run was stopped before its manager";
}

TEST(Replacement, of_a_voter_is_over_when_everybody_sees_its_member_and_the_balancer_its_manager) {
  EXPECT_THAT(missing_redundancy(ccm2, without_ccm2()), testing::HasSubstr("agent of ccm2 does not answer"));
  EXPECT_EQ(missing_redundancy(ccm2, with_ccm2()), "");
  auto status = with_ccm2();
  status.hosts[2].status->store = without_member("ccm2");
  EXPECT_THAT(missing_redundancy(ccm2, status), testing::HasSubstr("db1 gets no answer of ccm2's member"));
  status = with_ccm2();
  status.hosts[4].status->balancer->backends[1].state = "DOWN";
  EXPECT_THAT(missing_redundancy(ccm2, status), testing::HasSubstr("lb1 says that it is DOWN"));
  EXPECT_THAT(missing_redundancy(lb1, status), testing::HasSubstr("ccm2 is DOWN"));
  // A further voter that is off is not this one's matter.
  status = with_ccm2();
  status.hosts[0].is_reachable = false;
  for (auto& entry : status.hosts) entry.status->store = without_member("ccm1");
  EXPECT_EQ(missing_redundancy(ccm2, status), "");
}

TEST(Replacement, a_host_that_is_everything_is_judged_by_its_data_first) {
  const auto all = host_of("ccm2", {.manager = true, .database = true, .balancer = true, .voter = true});
  auto status = without_ccm2();
  EXPECT_EQ(replaceability_of(all, status).verdict, Verdict::possible);
  status.summary.members = {"db1", "ccm2"};
  EXPECT_EQ(replaceability_of(all, status).verdict, Verdict::wait);
  EXPECT_THAT(missing_redundancy(all, with_ccm2()), testing::HasSubstr("does not hold every write"));
}

TEST(Replacement, a_status_is_read_from_what_a_host_printed) {
  EXPECT_EQ(read_status("motd\n" + api::to_json(without_db2()) + "\n")->summary.primary, "db1");
  EXPECT_EQ(read_status("gemel: no agent answered").error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace gemel::setup
