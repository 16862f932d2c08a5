#include "cli/operator_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/sample_site.h"

namespace gemel::cli {
namespace {

using ::testing::HasSubstr;

api::SiteStatus dead_primary() {
  auto site = api::testing::sample_site();
  api::testing::silence(site, "db1");
  site.summary = api::summarise(site.hosts);
  return site;
}

api::SiteStatus paused() {
  auto site = dead_primary();
  for (auto& host : site.hosts) {
    if (host.status) host.status->record->state = "paused";
  }
  site.summary = api::summarise(site.hosts);
  return site;
}

TEST(OperatorPlan, nothing_of_the_kind_is_done_with_an_external_database) {
  const auto site = api::testing::external_site();
  for (const auto& refused : {plan_pause(site, ""), plan_pause(site, "ccm1"), plan_resume(site, ""),
                              plan_force(site, "", "ccm1"), plan_force(site, "ccm2", "ccm1")}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ExitCode::refused);
    EXPECT_THAT(refused.error().reason, HasSubstr("db.example.org:5432 is external"));
  }
}

TEST(OperatorPlan, asks_the_primary_for_a_pause) {
  EXPECT_EQ(plan_pause(api::testing::sample_site(), ""), "db1");
  EXPECT_EQ(plan_pause(api::testing::sample_site(), "db2"), "db2") << "whoever was named says what is wrong with it";
  EXPECT_EQ(plan_pause(api::testing::sample_site(), "lb1").error().code, ExitCode::not_found);
  EXPECT_EQ(plan_pause(dead_primary(), "").error().code, ExitCode::refused);
}

TEST(OperatorPlan, asks_the_holder_to_resume_even_when_it_does_not_serve) {
  EXPECT_EQ(plan_resume(paused(), ""), "db1");
  EXPECT_EQ(plan_resume(paused(), "db9").error().code, ExitCode::not_found);
  EXPECT_THAT(plan_resume(api::testing::sample_site(), "").error().reason, HasSubstr("not paused"));
}

TEST(OperatorPlan, forces_a_database_host_and_only_when_nobody_serves) {
  EXPECT_EQ(plan_force(dead_primary(), "", "db2"), "db2");
  EXPECT_EQ(plan_force(dead_primary(), "db2", "ccm1"), "db2");
  EXPECT_EQ(plan_force(dead_primary(), "", "ccm1").error().code, ExitCode::usage);
  EXPECT_EQ(plan_force(dead_primary(), "lb1", "db2").error().code, ExitCode::not_found);
  const auto serving = plan_force(api::testing::sample_site(), "db2", "db2");
  EXPECT_EQ(serving.error().code, ExitCode::refused);
  EXPECT_THAT(serving.error().reason, HasSubstr("db1 serves"));
}

TEST(OperatorPlan, knows_nothing_when_nobody_answers) {
  auto site = api::testing::sample_site();
  for (const auto* host : {"ccm1", "ccm2", "db1", "db2", "lb1"}) api::testing::silence(site, host);
  site.summary = api::summarise(site.hosts);
  EXPECT_EQ(plan_pause(site, "").error().code, ExitCode::unreachable);
  EXPECT_EQ(plan_resume(site, "").error().code, ExitCode::unreachable);
  EXPECT_EQ(plan_force(site, "", "db2").error().code, ExitCode::unreachable);
}

}  // namespace
}  // namespace gemel::cli
