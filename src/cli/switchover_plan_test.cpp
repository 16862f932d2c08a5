#include "cli/switchover_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/sample_site.h"

namespace gemel::cli {
namespace {

using ::testing::HasSubstr;

TEST(SwitchoverPlan, chooses_the_only_other_member) {
  const auto plan = plan_switchover(api::testing::sample_site(), "");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->from, "db1");
  EXPECT_EQ(plan->to, "db2");
}

TEST(SwitchoverPlan, refuses_where_the_database_is_external) {
  const auto plan = plan_switchover(api::testing::external_site(), "");
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ExitCode::refused);
  EXPECT_THAT(plan.error().reason, HasSubstr("its provider sees to failovers"));
}

TEST(SwitchoverPlan, refuses_hosts_that_cannot_be_primary) {
  const auto site = api::testing::sample_site();
  EXPECT_EQ(plan_switchover(site, "db9").error().code, ExitCode::not_found);
  EXPECT_EQ(plan_switchover(site, "lb1").error().code, ExitCode::not_found);
  EXPECT_EQ(plan_switchover(site, "db1").error().code, ExitCode::refused);
}

TEST(SwitchoverPlan, refuses_a_target_that_lacks_writes) {
  auto site = api::testing::sample_site();
  for (auto& host : site.hosts) host.status->record->members = {"db1"};
  site.summary = api::summarise(site.hosts);
  const auto plan = plan_switchover(site, "db2");
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ExitCode::refused);
  EXPECT_THAT(plan.error().reason, HasSubstr("does not hold every acknowledged write"));
  EXPECT_THAT(plan_switchover(site, "").error().reason, HasSubstr("no second copy"));
}

TEST(SwitchoverPlan, refuses_without_a_primary_and_without_a_majority) {
  auto site = api::testing::sample_site();
  site.hosts[2].status->database->is_gate_open = false;
  site.summary = api::summarise(site.hosts);
  EXPECT_THAT(plan_switchover(site, "db2").error().reason, HasSubstr("no host serves"));

  site = api::testing::sample_site();
  for (auto& host : site.hosts) host.status->store->has_quorum = false;
  site.summary = api::summarise(site.hosts);
  EXPECT_EQ(plan_switchover(site, "db2").error().code, ExitCode::refused);
}

TEST(SwitchoverPlan, tells_an_unreachable_site_from_a_refusal) {
  auto site = api::testing::sample_site();
  for (const auto* name : {"ccm1", "ccm2", "db1", "db2", "lb1"}) api::testing::silence(site, name);
  site.summary = api::summarise(site.hosts);
  EXPECT_EQ(plan_switchover(site, "").error().code, ExitCode::unreachable);
}

}  // namespace
}  // namespace gemel::cli
