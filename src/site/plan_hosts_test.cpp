// Plans of a running site to which one host comes, or which one leaves: who is changed when (ADR 0031).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "site/host_entry.h"
#include "site/plan.h"
#include "site/test_facts.h"
#include "site/test_sites.h"

namespace gemel::site {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

const NewHost ccm3{"ccm3", "CCM_SA_SECONDARY", "10.77.0.13", "fd77::13", "b", ""};
const NewHost db3{"db3", "MGMTPOSTGRES_SLAVE", "10.77.0.23", "fd77::23", "b", ""};

Site site_of(const std::string& text) { return *parse_site(text, "site.toml").site; }
Site five() { return site_of(test::good_site()); }
Site with(const NewHost& host) { return site_of(*with_host(test::good_site(), host)); }

/// Five hosts that run and know of each other, and what the site file says now.
PlanInput running(const Site& present, const Site& wanted) {
  auto input = test::done_input(present);
  const auto next = test::done_input(wanted);
  input.site = wanted;
  input.manifest = next.manifest;
  for (const auto& host : wanted.hosts)
    if (!input.facts.contains(host.name)) input.facts[host.name] = test::bare(wanted, host);
  for (const auto& host : present.hosts) {
    for (const auto& other : present.hosts)
      input.facts[host.name].members[other.name] = {other.address, other.concepts.database};
    input.facts[host.name].files["/etc/gemel/host.toml"].sha256 = "as before";
  }
  std::erase_if(input.facts,
                [&](const auto& entry) { return std::ranges::count(wanted.hosts, entry.first, &Host::name) == 0; });
  return input;
}

PlanInput leaving(const NewHost& host) {
  auto input = running(with(host), five());
  input.leaving = host.name;
  return input;
}

const Step& step_of(const Plan& plan, const std::string& id) {
  const auto found = std::ranges::find(plan.steps, id, &Step::id);
  EXPECT_NE(found, plan.steps.end()) << id;
  static const Step none;
  return found == plan.steps.end() ? none : *found;
}

bool waits_for(const Plan& plan, const std::string& later, const std::string& earlier) {
  const auto& needs = step_of(plan, later).needs;
  return std::ranges::any_of(needs,
                             [&](const std::string& id) { return id == earlier || waits_for(plan, id, earlier); });
}

std::vector<ProblemCode> codes(const Plan& plan) {
  std::vector<ProblemCode> list;
  for (const auto& problem : plan.problems) list.push_back(problem.code);
  return list;
}

constexpr std::array<const char*, 5> hosts{"ccm1", "ccm2", "db1", "db2", "lb1"};

TEST(PlanHosts, a_new_manager_is_ready_by_itself_before_the_balancer_that_runs_is_told_of_it) {
  const auto plan = make_plan(running(five(), with(ccm3)));
  EXPECT_THAT(plan.problems, IsEmpty());
  EXPECT_EQ(step_of(plan, "ccm3/manager-check").kind, StepKind::check_lone_manager)
      << "no balancer sends it requests before it was told";
  for (const auto* host : hosts) {
    EXPECT_TRUE(waits_for(plan, "ccm3/agent", std::string(host) + "/firewall")) << host << " must let it in";
    EXPECT_TRUE(waits_for(plan, std::string(host) + "/files", "ccm3/manager-check")) << host;
  }
  EXPECT_TRUE(waits_for(plan, "db1/files", "db2/database-check")) << "the primary after its standby";
  EXPECT_TRUE(waits_for(plan, "lb1/files", "ccm2/manager-check"));
  EXPECT_EQ(plan.steps.back().id, "lb1/balancer-check") << "which waits until every manager is up there";
}

// A run that was stopped half-way: the manager that came was started a moment ago, and the balancer was not told yet.
TEST(PlanHosts, the_next_run_does_not_wait_for_a_balancer_that_it_has_not_told_yet) {
  auto input = running(five(), with(ccm3));
  const auto done = test::done_input(with(ccm3));
  for (const auto* host : {"ccm3", "db1", "db2", "ccm1"}) {
    input.facts[host] = done.facts.at(host);
    input.facts[host].clock = 10000;
    for (const auto& unit : {agent_unit, manager_unit}) input.facts[host].started[std::string(unit)] = 9990;
  }
  const auto plan = make_plan(input);
  EXPECT_EQ(step_of(plan, "ccm3/manager-check").kind, StepKind::check_lone_manager);
  EXPECT_EQ(step_of(plan, "ccm1/manager-check").kind, StepKind::check_manager) << "which the balancer knows";
  EXPECT_TRUE(waits_for(plan, "ccm2/files", "ccm1/manager-check"));
}

TEST(PlanHosts, a_manager_that_was_down_is_awaited_by_a_balancer_that_knows_it) {
  auto input = test::done_input(five());
  input.facts["ccm2"].running_units.erase(std::string(manager_unit));
  EXPECT_EQ(step_of(make_plan(input), "ccm2/manager-check").kind, StepKind::check_manager);
}

TEST(PlanHosts, no_new_voter_comes_with_a_new_manager_or_standby) {
  for (const auto& host : {ccm3, db3}) {
    const auto plan = make_plan(running(five(), with(host)));
    EXPECT_THAT(step_of(plan, host.name + "/packages").packages, Not(Contains("etcd-server")));
  }
}

TEST(PlanHosts, a_new_standby_starts_when_every_other_database_knows_it_and_every_host_lets_it_in) {
  const auto plan = make_plan(running(five(), with(db3)));
  EXPECT_THAT(plan.problems, IsEmpty());
  for (const auto* host : hosts) EXPECT_TRUE(waits_for(plan, "db3/agent", std::string(host) + "/firewall")) << host;
  EXPECT_TRUE(waits_for(plan, "db3/agent", "db1/database-check"));
  EXPECT_TRUE(waits_for(plan, "db3/agent", "db2/database-check"));
  EXPECT_TRUE(waits_for(plan, "db1/files", "db2/database-check"));
  EXPECT_TRUE(waits_for(plan, "ccm1/files", "db3/database-check"));
}

TEST(PlanHosts, packet_filters_are_closed_to_a_host_that_leaves_after_everything_else) {
  for (const auto& host : {ccm3, db3}) {
    const auto plan = make_plan(leaving(host));
    EXPECT_THAT(plan.problems, IsEmpty());
    for (const auto* closed : hosts)
      EXPECT_TRUE(waits_for(plan, std::string(closed) + "/firewall", "lb1/balancer-check")) << host.name << closed;
  }
}

TEST(PlanHosts, a_plan_without_the_host_touches_it_by_no_step) {
  const auto plan = make_plan(leaving(ccm3));
  for (const auto& step : plan.steps) EXPECT_NE(step.host, "ccm3");
  EXPECT_TRUE(waits_for(plan, "db1/files", "db2/database-check"));
  EXPECT_TRUE(waits_for(plan, "ccm2/files", "ccm1/manager-check"));
}

// Deleted from the file by hand, or by somebody who has an older copy of it.
TEST(PlanHosts, a_host_that_only_the_running_site_knows_stands_in_the_way) {
  auto input = leaving(db3);
  input.leaving.clear();
  const auto plan = make_plan(input);
  ASSERT_THAT(codes(plan), ElementsAre(ProblemCode::host_left_out)) << "said once";
  EXPECT_TRUE(plan.problems.front().is_blocking);
  EXPECT_THAT(plan.problems.front().mend, testing::HasSubstr("gemel remove-host db3"));
  input.leaving = "another";
  EXPECT_THAT(codes(make_plan(input)), Each(ProblemCode::host_left_out));
  for (auto& [name, facts] : input.facts) facts.running_units.erase(std::string(agent_unit));
  EXPECT_THAT(codes(make_plan(input)), Not(Contains(ProblemCode::host_left_out))) << "nothing runs";
}

TEST(PlanHosts, a_stopped_run_leaves_the_rest_of_the_same_plan) {
  auto input = leaving(ccm3);
  const auto whole = make_plan(input);
  const auto done = test::done_input(five());
  for (const auto* host : {"db2", "db1", "ccm1", "ccm2", "lb1"}) {
    input.facts[host] = done.facts.at(host);
    const auto rest = make_plan(input);
    for (const auto& step : rest.steps) {
      EXPECT_NE(step.host, host);
      EXPECT_EQ(std::ranges::count(whole.steps, step.id, &Step::id), 1) << step.id;
    }
  }
  EXPECT_THAT(make_plan(input).steps, IsEmpty());
}

}  // namespace
}  // namespace gemel::site
