// From a standalone site to a highly available one: the order of the plan, after a stop anywhere too, and what is
// refused.
#include "site/growth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "site/test_facts.h"
#include "site/test_sites.h"

namespace gemel::site {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const std::string host_file = "/etc/gemel/host.toml";

Site site_of(const std::string& text) {
  auto parsed = parse_site(text, "site.toml");
  EXPECT_TRUE(parsed.site);
  return parsed.site.value_or(Site{});
}

std::vector<std::string> ids(const Plan& plan) {
  std::vector<std::string> list;
  for (const auto& step : plan.steps) list.push_back(step.id);
  return list;
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

/// What a host says whose host.toml is that of `site`.
void know(HostFacts& facts, const Site& site) {
  facts.members.clear();
  for (const auto& host : site.hosts) facts.members[host.name] = {host.address, host.concepts.database};
  for (const auto& floating : {site.vip, site.vip6})
    if (floating) facts.floating.insert(floating->address);
}

/// `present` runs, and `wanted` is its site file now.
PlanInput grown(const Site& present, const Site& wanted) {
  auto input = test::bare_input(wanted);
  const auto before = test::done_input(present);
  for (const auto& host : present.hosts) {
    auto facts = before.facts.at(host.name);
    know(facts, present);
    facts.is_primary = host.concepts.database;
    facts.files[host_file].sha256 = "standalone";
    facts.files[host_file].changed = 100;
    facts.started = {{std::string(agent_unit), 200}, {std::string(manager_unit), 200}};
    input.facts[host.name] = facts;
  }
  return input;
}

PlanInput five_from_two() { return grown(site_of(test::standalone_site()), site_of(test::good_site())); }

TEST(Growth, is_a_site_whose_one_database_host_knows_of_no_other) {
  const auto input = five_from_two();
  const auto growth = growth_of(input);
  ASSERT_TRUE(growth);
  EXPECT_EQ(growth->database->name, "db1");
  EXPECT_FALSE(growth_of(test::bare_input(site_of(test::good_site()))));
  EXPECT_FALSE(growth_of(test::done_input(site_of(test::standalone_site()))));
  auto pair = test::done_input(site_of(test::good_site()));
  for (auto& [name, facts] : pair.facts) know(facts, pair.site);
  EXPECT_FALSE(growth_of(pair));
  pair.facts["db2"].running_units.clear();
  EXPECT_FALSE(growth_of(pair)) << "a standby that is down makes nobody alone";
}

TEST(Growth, the_bridge_has_everything_but_the_standbys) {
  auto input = five_from_two();
  input.site.sync_standbys = 3;
  const auto bridge = parse_host_config(growth_of(input)->bridge, "host.toml");
  ASSERT_TRUE(bridge) << bridge.error().to_string();
  EXPECT_TRUE(bridge->is_standalone());
  EXPECT_EQ(bridge->database_address(), "10.77.0.100");
  EXPECT_EQ(bridge->hosts_with(Concept::voter).size(), 3U);
  EXPECT_EQ(bridge->hosts_with(Concept::manager).size(), 2U);
  EXPECT_EQ(bridge->find("db2"), nullptr);
  EXPECT_EQ(bridge->sync_standbys, 1U);
}

TEST(Growth, the_database_is_bridged_after_the_voters_and_told_the_rest_after_the_managers) {
  const std::string renewed = "/etc/gemel/pki/agent.key";
  auto input = five_from_two();
  input.facts["db1"].files[renewed].sha256 = "old";
  const auto plan = make_plan(input);
  EXPECT_THAT(plan.problems, IsEmpty());
  // One voter after the other, and only when those that run let it in.
  EXPECT_TRUE(waits_for(plan, "ccm2/agent", "ccm1/firewall"));
  EXPECT_TRUE(waits_for(plan, "lb1/agent", "ccm2/agent-check"));
  EXPECT_TRUE(waits_for(plan, "db1/bridge-files", "lb1/agent-check"));
  EXPECT_TRUE(waits_for(plan, "ccm2/manager", "db1/bridge-check"));
  EXPECT_TRUE(waits_for(plan, "lb1/balancer-check", "ccm2/manager-check"));
  EXPECT_TRUE(waits_for(plan, "ccm1/manager", "lb1/balancer-check"));
  EXPECT_TRUE(waits_for(plan, "db1/files", "ccm1/manager-check"));
  EXPECT_TRUE(waits_for(plan, "db2/agent", "db1/database-check"));
  EXPECT_EQ(plan.steps.back().id, "db2/database-check");
  const auto& bridge = step_of(plan, "db1/bridge-files");
  EXPECT_THAT(bridge.text, HasSubstr("ccm2"));
  EXPECT_THAT(bridge.files, ElementsAre(testing::Field(&ManifestFile::path, renewed)));
  EXPECT_THAT(step_of(plan, "db1/files").files, ElementsAre(testing::Field(&ManifestFile::path, host_file)));
  EXPECT_THAT(step_of(plan, "db1/bridge-agent").restarts, ElementsAre(agent_unit));
}

/// Carries out the first `count` steps of the plan on the facts, as far as the next plan looks at them.
void carry_out(PlanInput& input, std::size_t count) {
  const auto plan = make_plan(input);
  const auto whole = test::done_input(input.site);
  for (std::size_t i = 0; i < std::min(count, plan.steps.size()); ++i) {
    const auto& step = plan.steps[i];
    auto& facts = input.facts[step.host];
    const auto& done = whole.facts.at(step.host);
    facts.site_id = test::site_id;
    const auto now = static_cast<std::int64_t>(1000 + 10 * i);
    switch (step.kind) {
      case StepKind::install_packages:
        facts.packages = done.packages;
        break;
      case StepKind::write_hosts:
        for (const auto& other : input.site.hosts) facts.resolved[other.name] = other.addresses();
        break;
      case StepKind::set_firewall: {
        facts.firewall_rules = {"input", step.text.substr(step.text.find("version_"), 24)};
        facts.files[std::string(firewall_file)] = {false, sha256_hex(step.text), 0644, "root", "root"};
        facts.files[std::string(firewall_unit_file)] = done.files.at(std::string(firewall_unit_file));
        facts.enabled_units.insert(std::string(firewall_unit));
        break;
      }
      case StepKind::lay_files:
        for (const auto& file : step.files)
          facts.files[file.path] = {file.is_directory, file.sha256, file.mode, file.owner, file.group, now};
        if (!step.text.empty()) {
          facts.files[host_file] = {false, sha256_hex(step.text), 0644, "root", "root", now};
          facts.floating = {"10.77.0.100"};
        } else {
          know(facts, input.site);
        }
        break;
      case StepKind::start_agent:
      case StepKind::restart_agent:
        facts.running_units.insert(std::string(agent_unit));
        facts.enabled_units.insert(std::string(agent_unit));
        facts.started[std::string(agent_unit)] = now;
        break;
      case StepKind::start_manager:
      case StepKind::restart_manager:
        facts.running_units.insert(std::string(manager_unit));
        facts.enabled_units.insert(std::string(manager_unit));
        facts.started[std::string(manager_unit)] = now;
        break;
      default:
        break;
    }
  }
}

TEST(Growth, stopped_after_any_step_the_next_plan_is_the_rest_in_the_same_order) {
  const auto all = ids(make_plan(five_from_two()));
  for (std::size_t stop = 1; stop < all.size(); ++stop) {
    auto input = five_from_two();
    carry_out(input, stop);
    const auto rest = make_plan(input);
    EXPECT_THAT(rest.problems, IsEmpty()) << "after " << all[stop - 1];
    for (const auto& id : ids(rest)) {
      const auto at = std::ranges::find(all, id);
      ASSERT_NE(at, all.end()) << id << " after " << all[stop - 1];
      EXPECT_GE(at - all.begin(), static_cast<std::ptrdiff_t>(stop)) << id << " again after " << all[stop - 1];
    }
    // Where both are left, nobody is let beside the database before it knows of them.
    const auto left = ids(rest);
    if (std::ranges::count(left, "db2/agent") != 0 && std::ranges::count(left, "db1/database-check") != 0)
      EXPECT_TRUE(waits_for(rest, "db2/agent", "db1/database-check")) << "after " << all[stop - 1];
    // ... and nobody shuts the managers out before they have moved.
    if (std::ranges::count(left, "db1/files") != 0 && std::ranges::count(left, "ccm1/manager") != 0)
      EXPECT_TRUE(waits_for(rest, "db1/files", "ccm1/manager")) << "after " << all[stop - 1];
  }
  auto input = five_from_two();
  carry_out(input, all.size());
  EXPECT_THAT(ids(make_plan(input)), IsEmpty());
}

TEST(Growth, one_host_becomes_the_first_of_three) {
  auto present = site_of(test::one_host_site());
  present.hosts[0].name = "one";
  present.hosts[0].address = "10.77.0.1";
  present.hosts[0].address6 = "fd77::1";
  const auto plan = make_plan(grown(present, site_of(test::compact_site())));
  EXPECT_THAT(plan.problems, IsEmpty());
  EXPECT_TRUE(waits_for(plan, "three/agent", "two/agent-check"));
  EXPECT_TRUE(waits_for(plan, "one/bridge-files", "three/agent-check"));
  EXPECT_TRUE(waits_for(plan, "two/manager", "one/bridge-check"));
  EXPECT_TRUE(waits_for(plan, "one/files", "three/manager-check"));
  EXPECT_TRUE(waits_for(plan, "two/database-check", "one/database-check"));
  EXPECT_TRUE(waits_for(plan, "three/database-check", "one/database-check"));
}

TEST(Growth, a_manager_that_does_not_run_beside_the_database_changes_nothing_about_the_order) {
  auto present = site_of(test::one_host_site());
  present.hosts[0].name = "one";
  present.hosts[0].address = "10.77.0.1";
  present.hosts[0].address6 = "fd77::1";
  auto input = grown(present, site_of(test::compact_site()));
  input.facts["one"].running_units.erase(std::string(manager_unit));
  const auto plan = make_plan(input);
  EXPECT_TRUE(waits_for(plan, "one/manager", "one/bridge-check"));
  EXPECT_TRUE(waits_for(plan, "one/files", "three/manager-check"));
  EXPECT_TRUE(waits_for(plan, "one/manager-again", "one/files")) << "it read the bridge when it was started";
}

TEST(Growth, the_hosts_that_run_stay_and_nothing_must_wait_for_a_copy) {
  const auto codes_of = [](const PlanInput& input) {
    std::vector<ProblemCode> list;
    for (const auto& problem : make_plan(input).problems) list.push_back(problem.code);
    return list;
  };
  auto input = five_from_two();
  input.facts["db1"].members["ccm0"] = {"10.77.0.10", false};
  EXPECT_THAT(codes_of(input), ElementsAre(ProblemCode::host_left_out));
  input = five_from_two();
  input.facts["db1"].members["ccm1"].address = "10.77.0.99";
  EXPECT_THAT(codes_of(input), ElementsAre(ProblemCode::host_left_out));
  input = five_from_two();
  input.site.min_copies = 2;
  EXPECT_THAT(codes_of(input), ElementsAre(ProblemCode::no_copy_yet));
  input = five_from_two();
  input.facts["db1"].answering = {"10.77.0.100"};
  EXPECT_THAT(codes_of(input), ElementsAre(ProblemCode::floating_taken));
  input.facts["db1"].floating = {"10.77.0.100"};
  EXPECT_THAT(codes_of(input), IsEmpty()) << "it has been told to take it";
}

TEST(Growth, users_come_to_the_manager_until_the_name_leads_elsewhere) {
  auto input = five_from_two();
  const auto firewall = [&] { return step_of(make_plan(input), "ccm1/firewall").text; };
  EXPECT_THAT(firewall(), HasSubstr("dport 443 drop")) << "the name leads to the balancer already";
  input.facts["ccm1"].resolved[input.site.dns_name] = {"10.77.0.11"};
  EXPECT_THAT(firewall(), Not(HasSubstr("dport 443 ")));
  carry_out(input, 1000);
  EXPECT_THAT(ids(make_plan(input)), IsEmpty()) << "it stays so";
  input.facts["ccm1"].resolved[input.site.dns_name] = {"10.77.0.31"};
  EXPECT_THAT(ids(make_plan(input)), ElementsAre("ccm1/firewall"));
  EXPECT_THAT(firewall(), HasSubstr("dport 443 drop"));
  carry_out(input, 1000);
  input.facts["ccm1"].resolved[input.site.dns_name] = {"10.77.0.11"};
  EXPECT_THAT(ids(make_plan(input)), IsEmpty()) << "what was closed is not opened by a name";
}

TEST(Growth, a_standalone_site_from_bare_hosts_asks_its_manager_itself) {
  const auto plan = make_plan(test::bare_input(site_of(test::standalone_site())));
  EXPECT_THAT(plan.problems, IsEmpty());
  EXPECT_EQ(plan.steps.back().id, "ccm1/manager-check");
  EXPECT_EQ(plan.steps.back().kind, StepKind::check_lone_manager);
  EXPECT_TRUE(waits_for(plan, "db1/agent", "ccm1/agent-check"));
  EXPECT_TRUE(waits_for(plan, "ccm1/manager", "db1/database-check"));
}

}  // namespace
}  // namespace gemel::site
