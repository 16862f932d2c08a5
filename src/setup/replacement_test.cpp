#include "setup/replacement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gemel::setup {
namespace {

using Verdict = Replaceability::Verdict;

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
  EXPECT_EQ(replaceability_of("db2", without_db2()).verdict, Verdict::possible);
}

TEST(Replacement, waits_while_a_silent_host_is_still_counted_on) {
  auto status = without_db2();
  status.summary.members = {"db1", "db2"};
  EXPECT_EQ(replaceability_of("db2", status).verdict, Verdict::wait);
}

TEST(Replacement, never_touches_a_host_that_is_well_or_serves_or_is_the_only_one_with_the_data) {
  const auto expect_refusal = [](const api::SiteStatus& status, const std::string& host, const char* says) {
    const auto answer = replaceability_of(host, status);
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
  EXPECT_THAT(missing_redundancy("db2", status), testing::HasSubstr("does not hold"));
  status.summary.members = {"db1", "db2"};
  status.summary.reason = "not yet";
  EXPECT_EQ(missing_redundancy("db2", status), "not yet");
  status.summary.failover_possible = true;
  EXPECT_EQ(missing_redundancy("db2", status), "");
}

TEST(Replacement, a_status_is_read_from_what_a_host_printed) {
  EXPECT_EQ(read_status("motd\n" + api::to_json(without_db2()) + "\n")->summary.primary, "db1");
  EXPECT_EQ(read_status("gemel: no agent answered").error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace gemel::setup
