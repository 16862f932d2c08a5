#include "cli/plan_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.h"
#include "site/test_facts.h"
#include "site/test_sites.h"

namespace gemel::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

site::PlanInput bare() { return site::test::bare_input(*site::parse_site(site::test::good_site(), "site.toml").site); }

TEST(PlanText, nothing_to_do_is_one_sentence) {
  const auto input = site::test::done_input(bare().site);
  EXPECT_EQ(plan_table("lab", site::make_plan(input), false, false), "Site lab: nothing to do.\n");
}

TEST(PlanText, a_table_names_steps_in_order_and_a_problem_is_a_line) {
  auto input = bare();
  input.facts["db2"].is_reachable = false;
  input.facts["db2"].why_unreachable = "no route";
  const auto plan = site::make_plan(input);
  EXPECT_TRUE(is_blocked(plan));
  const auto text = plan_table("lab", plan, false, false);
  EXPECT_THAT(text, HasSubstr("ccm1/packages"));
  EXPECT_THAT(text, HasSubstr("db2: cannot be reached: no route; see that it is on"));
  EXPECT_LT(text.find("ccm1/packages"), text.find("lb1/balancer-check"));
}

TEST(PlanText, a_list_fits_its_page_and_names_every_step) {
  auto input = bare();
  input.facts["db2"].is_reachable = false;
  input.facts["db2"].why_unreachable = "no route";
  const auto plan = site::make_plan(input);
  const auto text = plan_list("lab", plan, 72);
  EXPECT_THAT(text, testing::StartsWith("db2: cannot be reached: no route; see that it is on"));
  for (const auto& step : plan.steps) EXPECT_THAT(text, HasSubstr(" " + step.id + " "));
  for (const auto& line : split(text, '\n')) EXPECT_LE(line.size(), 72U) << line;
  EXPECT_EQ(plan_list("lab", site::make_plan(site::test::done_input(bare().site)), 72), "Site lab: nothing to do.\n");
}

TEST(PlanText, what_is_the_same_on_several_hosts_is_said_once) {
  auto input = bare();
  for (auto& [host, facts] : input.facts) facts.resolved.clear();
  const auto text = problems_text(site::make_plan(input));
  EXPECT_THAT(text, testing::StartsWith("ccm1, ccm2, db1, db2, lb1: the name mgmt.lab.test is not known"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
}

TEST(PlanText, a_finding_says_what_is_wrong_why_it_matters_and_how_to_mend_it) {
  auto input = bare();
  input.facts["db1"].listening = {5432};
  input.facts["db1"].listeners = {{5432, "post\x1bgres"}};
  input.facts["ccm1"].host_name = "localhost";
  const auto plan = site::make_plan(input);
  const auto text = findings_text("lab", plan, false);
  EXPECT_THAT(text, testing::StartsWith("IN THE WAY db1: port 5432 is taken by post"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("\n    To mend it: stop it"));
  EXPECT_THAT(text, HasSubstr("\nwarning ccm1: the system calls itself"));
  EXPECT_THAT(text, testing::EndsWith("Site lab: one finding stands in the way; no host was changed.\n"));
  const auto value = boost::json::parse(findings_json("lab", plan));
  EXPECT_TRUE(value.at("is_blocked").as_bool());
  EXPECT_EQ(value.at_pointer("/findings/1/code").as_string(), "port_taken");
  EXPECT_FALSE(value.at_pointer("/findings/1/mend").as_string().empty());
  EXPECT_EQ(findings_text("lab", site::make_plan(bare()), false), "Site lab: nothing stands in the way.\n");
}

TEST(PlanText, json_has_ids_needs_and_no_hash_of_a_secret) {
  const auto input = bare();
  const auto text = plan_json("lab", site::make_plan(input));
  const auto value = boost::json::parse(text);
  EXPECT_EQ(value.at_pointer("/steps/0/id").as_string(), "ccm1/packages");
  EXPECT_EQ(value.at_pointer("/steps/0/kind").as_string(), "install_packages");
  EXPECT_TRUE(value.at_pointer("/problems").as_array().empty());
  for (const auto& [host, files] : input.manifest.hosts)
    for (const auto& file : files)
      if (!file.is_directory) EXPECT_THAT(text, Not(HasSubstr(file.sha256)));
}

}  // namespace
}  // namespace gemel::cli
