#include "site/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "site/host_work.h"
#include "site/test_facts.h"
#include "site/test_sites.h"

namespace gemel::site {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

Site site_of(const std::string& text) {
  auto parsed = parse_site(text, "site.toml");
  EXPECT_TRUE(parsed.site);
  return parsed.site.value_or(Site{});
}

Site five() { return site_of(test::good_site()); }
Site compact() { return site_of(test::compact_site()); }

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

std::vector<ProblemCode> codes(const Plan& plan) {
  std::vector<ProblemCode> list;
  for (const auto& problem : plan.problems) list.push_back(problem.code);
  return list;
}

/// Whether `earlier` is done before `later` begins, whoever carries the plan out.
bool waits_for(const Plan& plan, const std::string& later, const std::string& earlier) {
  const auto& needs = step_of(plan, later).needs;
  return std::ranges::any_of(needs,
                             [&](const std::string& id) { return id == earlier || waits_for(plan, id, earlier); });
}

void expect_sound(const Plan& plan) {
  std::set<std::string> before;
  for (const auto& step : plan.steps) {
    for (const auto& id : step.needs) EXPECT_TRUE(before.contains(id)) << step.id << " needs " << id;
    EXPECT_TRUE(before.insert(step.id).second) << "twice: " << step.id;
    EXPECT_THAT(step.changes, Not(IsEmpty())) << step.id;
  }
}

TEST(Plan, bare_hosts_get_everything_in_order) {
  const auto plan = make_plan(test::bare_input(five()));
  expect_sound(plan);
  EXPECT_THAT(plan.problems, IsEmpty());
  for (const auto* host : {"ccm1", "ccm2", "db1", "db2", "lb1"}) {
    for (const auto* step : {"/packages", "/hosts", "/firewall", "/files", "/agent"})
      EXPECT_THAT(ids(plan), Contains(std::string(host) + step));
  }
  // Nobody waits for a store whose members are not all started.
  for (const auto* voter : {"ccm1/agent", "ccm2/agent", "lb1/agent"}) {
    EXPECT_TRUE(waits_for(plan, "ccm1/agent-check", voter));
    EXPECT_TRUE(waits_for(plan, "db1/agent", voter));
  }
  EXPECT_FALSE(waits_for(plan, "ccm2/agent", "ccm1/agent"));
  EXPECT_TRUE(waits_for(plan, "db2/agent", "db1/database-check"));
  EXPECT_TRUE(waits_for(plan, "ccm1/manager", "db2/database-check"));
  EXPECT_TRUE(waits_for(plan, "ccm2/manager", "ccm1/manager-check"));
  EXPECT_TRUE(waits_for(plan, "lb1/balancer-check", "ccm2/manager-check"));
}

TEST(Plan, packages_come_before_the_files_that_belong_to_their_users) {
  const auto plan = make_plan(test::bare_input(five()));
  EXPECT_TRUE(waits_for(plan, "ccm1/files", "ccm1/packages"));
  EXPECT_THAT(step_of(plan, "db1/packages").packages, ElementsAre("nftables", "postgresql-15"));
  EXPECT_THAT(step_of(plan, "db1/packages").restarts, IsEmpty());
}

TEST(Plan, nothing_to_do_is_a_plan_of_zero_steps) {
  for (const auto& site : {five(), compact()}) {
    const auto plan = make_plan(test::done_input(site));
    EXPECT_THAT(ids(plan), IsEmpty());
    EXPECT_THAT(plan.problems, IsEmpty());
  }
}

TEST(Plan, a_changed_file_restarts_only_what_reads_it) {
  auto input = test::done_input(five());
  input.facts["ccm1"].files["/etc/gemel/pki/web.key"].sha256 = "old";
  auto plan = make_plan(input);
  EXPECT_THAT(ids(plan), ElementsAre("ccm1/files", "ccm1/manager", "ccm1/manager-check"));
  EXPECT_THAT(step_of(plan, "ccm1/manager").restarts, ElementsAre(manager_unit));

  input = test::done_input(five());
  input.facts["db2"].files.erase("/etc/gemel/secrets/heartbeat.key");
  plan = make_plan(input);
  EXPECT_THAT(ids(plan), ElementsAre("db2/files", "db2/agent", "db2/database-check"));
  EXPECT_EQ(step_of(plan, "db2/files").files.size(), 1U);
}

TEST(Plan, a_renewed_certificate_is_taken_over_by_what_shows_it) {
  auto input = test::done_input(five());
  for (const auto* host : {"ccm1", "ccm2", "lb1"}) {
    const auto* name = host == std::string("lb1") ? "/etc/gemel/pki/mgmtserver.pem" : "/etc/gemel/pki/mgmtserver.crt";
    input.manifest.hosts[host].push_back({name, 0600, "root", "root", false, "new", "rendered"});
    input.facts[host].files[name] = {false, "old", 0600, "root", "root"};
  }
  // One manager after the other; the balancer's agent leaves HAProxy running and makes it read its files again.
  EXPECT_THAT(ids(make_plan(input)),
              ElementsAre("ccm1/files", "ccm1/manager", "ccm1/manager-check", "ccm2/files", "ccm2/manager",
                          "ccm2/manager-check", "lb1/files", "lb1/agent", "lb1/agent-check", "lb1/balancer-check"));
}

TEST(Plan, what_was_found_before_is_said_with_the_rest) {
  auto input = test::done_input(five());
  input.findings.push_back({ProblemCode::certificate_ends, "lb1", false, "it ends", "", ""});
  EXPECT_THAT(codes(make_plan(input)), ElementsAre(ProblemCode::certificate_ends));
}

TEST(Plan, another_mode_is_set_and_nothing_is_restarted) {
  auto input = test::done_input(five());
  input.facts["db1"].files["/etc/gemel/pki/agent.key"].mode = 0644;
  EXPECT_THAT(ids(make_plan(input)), ElementsAre("db1/files"));
}

TEST(Plan, what_runs_is_changed_one_host_after_the_other_and_the_primary_after_its_standby) {
  auto input = test::done_input(five());
  for (auto& [name, facts] : input.facts) facts.files["/etc/gemel/host.toml"].sha256 = "old";
  const auto plan = make_plan(input);
  expect_sound(plan);
  EXPECT_TRUE(waits_for(plan, "db1/files", "db2/database-check"));
  EXPECT_TRUE(waits_for(plan, "ccm1/files", "db1/database-check"));
  EXPECT_TRUE(waits_for(plan, "ccm2/files", "ccm1/manager-check"));
  EXPECT_TRUE(waits_for(plan, "lb1/files", "ccm2/manager-check"));
  EXPECT_EQ(plan.steps.back().id, "lb1/balancer-check");
}

TEST(Plan, a_new_version_restarts_its_units_itself_after_the_files) {
  auto input = test::done_input(five());
  for (auto& package : input.packages) package.version = "1.1";
  input.facts["ccm1"].files["/etc/gemel/host.toml"].sha256 = "old";
  const auto plan = make_plan(input);
  expect_sound(plan);
  EXPECT_THAT(step_of(plan, "ccm1/packages").restarts, ElementsAre(agent_unit, manager_unit));
  EXPECT_TRUE(waits_for(plan, "ccm1/packages", "ccm1/files"));
  EXPECT_THAT(ids(plan), Not(Contains("ccm1/agent")));
  EXPECT_THAT(ids(plan), IsSupersetOf({"ccm1/agent-check", "ccm1/manager-check", "db1/database-check"}));
}

TEST(Plan, a_missing_host_is_a_problem_and_nobody_waits_for_it) {
  auto input = test::bare_input(five());
  input.facts["ccm2"].is_reachable = false;
  input.facts["ccm2"].why_unreachable = "no route";
  input.facts.erase("db2");
  const auto plan = make_plan(input);
  expect_sound(plan);
  EXPECT_THAT(codes(plan), ElementsAre(ProblemCode::unreachable, ProblemCode::unreachable));
  for (const auto& step : plan.steps) {
    EXPECT_NE(step.host, "ccm2");
    EXPECT_NE(step.host, "db2");
  }
  EXPECT_THAT(ids(plan), IsSupersetOf({"ccm1/agent", "db1/agent", "ccm1/manager"}));
}

TEST(Plan, a_compact_site_starts_every_host_before_it_waits_for_one) {
  const auto plan = make_plan(test::bare_input(compact()));
  expect_sound(plan);
  EXPECT_TRUE(waits_for(plan, "one/agent-check", "three/agent"));
  EXPECT_TRUE(waits_for(plan, "two/database-check", "one/database-check"));
  EXPECT_TRUE(waits_for(plan, "three/manager", "two/manager-check"));
}

TEST(Plan, ids_are_those_of_the_plan_before) {
  auto input = test::bare_input(five());
  const auto first = ids(make_plan(input));
  // As after an interruption: two hosts are prepared.
  const auto done = test::done_input(five());
  for (const auto* name : {"ccm1", "db1"}) {
    input.facts[name] = done.facts.at(name);
    input.facts[name].running_units.clear();
    input.facts[name].is_primary = false;
  }
  const auto plan = make_plan(input);
  expect_sound(plan);
  EXPECT_LT(plan.steps.size(), first.size());
  for (const auto& id : ids(plan)) EXPECT_THAT(first, Contains(id));
  EXPECT_THAT(ids(plan), Not(Contains("db1/files")));
  EXPECT_THAT(ids(plan), Contains("db1/agent"));
}

TEST(Plan, a_manager_that_does_not_run_yet_gets_its_files_before_it_starts) {
  auto input = test::done_input(five());
  input.facts["ccm1"].running_units.erase(std::string(manager_unit));
  input.facts["ccm1"].files.erase("/etc/gemel/pki/web.key");
  const auto plan = make_plan(input);
  expect_sound(plan);
  EXPECT_THAT(ids(plan), ElementsAre("ccm1/files", "ccm1/manager", "ccm1/manager-check"));
}

TEST(Plan, what_runs_and_is_not_enabled_is_enabled_and_restarted_only_for_a_file) {
  auto input = test::done_input(five());
  input.facts["db1"].enabled_units.erase(std::string(agent_unit));
  auto plan = make_plan(input);
  EXPECT_THAT(ids(plan), ElementsAre("db1/agent"));
  EXPECT_THAT(step_of(plan, "db1/agent").restarts, IsEmpty());
  input.facts["db1"].files["/etc/gemel/host.toml"].sha256 = "old";
  plan = make_plan(input);
  EXPECT_THAT(ids(plan), ElementsAre("db1/files", "db1/agent", "db1/database-check"));
  EXPECT_EQ(step_of(plan, "db1/agent").kind, StepKind::restart_agent);
}

TEST(Plan, a_run_that_was_stopped_between_files_and_restart_restarts) {
  auto input = test::done_input(five());
  auto& facts = input.facts["ccm1"];
  facts.files["/etc/gemel/pki/web.key"].changed = 200;
  facts.started = {{std::string(agent_unit), 100}, {std::string(manager_unit), 100}};
  EXPECT_THAT(ids(make_plan(input)), ElementsAre("ccm1/manager", "ccm1/manager-check"));
  facts.started[std::string(manager_unit)] = 200;
  EXPECT_THAT(ids(make_plan(input)), IsEmpty());
}

// A run that restarted one host and was stopped before it saw it work must not let the next run go on to the other.
TEST(Plan, who_was_started_a_moment_ago_is_waited_for_before_another_is_interrupted) {
  auto input = test::done_input(five());
  const auto start = [&](const std::string& host, std::string_view unit, std::int64_t ago) {
    input.facts[host].clock = 10000;
    input.facts[host].started[std::string(unit)] = 10000 - ago;
  };
  start("db2", agent_unit, 5);
  start("ccm2", agent_unit, 3000);
  start("ccm2", manager_unit, 20);
  EXPECT_THAT(ids(make_plan(input)), IsEmpty()) << "nothing to do is nothing to check";
  input.facts["db1"].files["/etc/gemel/secrets/heartbeat.key"].sha256 = "old";
  auto plan = make_plan(input);
  expect_sound(plan);
  EXPECT_THAT(ids(plan),
              ElementsAre("ccm2/manager-check", "db2/database-check", "db1/files", "db1/agent", "db1/database-check"));
  EXPECT_TRUE(waits_for(plan, "db1/files", "db2/database-check"));
  EXPECT_TRUE(waits_for(plan, "db1/files", "ccm2/manager-check"));
  start("db2", agent_unit, 61);
  start("ccm2", manager_unit, 61);
  EXPECT_THAT(ids(make_plan(input)), ElementsAre("db1/files", "db1/agent", "db1/database-check"));
  // Who is changed itself is not asked to be well before.
  start("db1", agent_unit, 5);
  EXPECT_THAT(ids(make_plan(input)), ElementsAre("db1/files", "db1/agent", "db1/database-check"));
}

TEST(Plan, a_plan_cut_at_any_step_ends_with_zero_steps) {
  auto input = test::bare_input(five());
  const auto done = test::done_input(five());
  for (unsigned round = 0; round < 5; ++round) {
    const auto plan = make_plan(input);
    if (plan.steps.empty()) break;
    const auto host = plan.steps.front().host;
    input.facts[host] = done.facts.at(host);
  }
  EXPECT_THAT(ids(make_plan(input)), IsEmpty());
}

TEST(Plan, what_stands_in_the_way_is_named_by_code) {
  auto input = test::bare_input(five());
  input.facts["db1"].system = "debian 11";
  input.facts["db2"].running_units = {"postgresql@15-main.service"};
  input.facts["db2"].listening = {22, 5432};
  input.facts["lb1"].site_id = "another";
  input.facts["ccm1"].dropping_tables = {"inet filter"};
  input.packages.pop_back();
  const auto plan = make_plan(input);
  EXPECT_THAT(codes(plan), ElementsAre(ProblemCode::no_package, ProblemCode::dropping_table, ProblemCode::no_package,
                                       ProblemCode::unsupported_system, ProblemCode::foreign_server,
                                       ProblemCode::port_taken, ProblemCode::other_site));
}

TEST(Plan, a_path_that_swallows_packets_is_named_unless_the_host_itself_is_off) {
  auto input = test::bare_input(five());
  input.facts["db1"].silent = {{"10.77.0.22", 5432}, {"fd77::22", 5432}, {"10.77.0.22", 7400}};
  const auto plan = make_plan(input);
  ASSERT_THAT(codes(plan), ElementsAre(ProblemCode::path_closed));
  EXPECT_THAT(plan.problems.front().what, testing::HasSubstr("TCP 5432, 7400 of db2"));
  auto running = input;
  running.facts["db2"].running_units = {std::string(agent_unit)};
  EXPECT_THAT(codes(make_plan(running)), IsEmpty()) << "its gate is ours";
  input.facts["db2"].is_reachable = false;
  EXPECT_THAT(codes(make_plan(input)), ElementsAre(ProblemCode::unreachable));
}

// firewalld turns away what it was not told of; the plan tells it.
TEST(Plan, a_path_is_not_judged_while_firewalld_lacks_the_rules_that_the_plan_adds) {
  auto input = test::bare_input(five());
  input.facts["db1"].silent = {{"10.77.0.22", 5432}};
  input.facts["db1"].silent_udp = {{"10.77.0.22", 7401}};
  input.facts["db2"].firewall = FirewallKind::firewalld;
  EXPECT_THAT(codes(make_plan(input)), IsEmpty());
  const auto& db2 = *std::ranges::find(input.site.hosts, std::string("db2"), &Host::name);
  input.facts["db2"].firewall_rules = firewalld_rules(input.site, db2);
  EXPECT_THAT(codes(make_plan(input)), ElementsAre(ProblemCode::path_closed, ProblemCode::path_silent));
}

TEST(Plan, one_hosts_part_needs_nobody_else) {
  auto input = test::done_input(five());
  input.facts["db2"] = test::bare(five(), five().hosts[3]);
  input.facts["ccm1"].packages["gemel"] = "0.9";
  const auto whole = make_plan(input);
  const auto part = plan_of_host(whole, "db2");
  EXPECT_LT(part.steps.size(), whole.steps.size());
  EXPECT_EQ(part.steps.front().id, "db2/packages");
  EXPECT_EQ(part.steps.back().id, "db2/database-check");
  for (const auto& step : part.steps)
    for (const auto& need : step.needs) EXPECT_THAT(need, testing::StartsWith("db2/"));
}

TEST(Plan, weak_paths_are_worth_a_word_and_stand_in_nobodys_way) {
  auto input = test::bare_input(five());
  auto& facts = input.facts["db1"];
  facts.silent_udp = {{"10.77.0.22", 7401}};
  facts.small_packets = {"10.77.0.31"};
  facts.round_trips = {{"10.77.0.11", std::chrono::milliseconds(25)}, {"10.77.0.12", std::chrono::milliseconds(2)}};
  const auto plan = make_plan(input);
  EXPECT_THAT(codes(plan), ElementsAre(ProblemCode::slow_path, ProblemCode::path_silent, ProblemCode::small_packets));
  for (const auto& problem : plan.problems) EXPECT_FALSE(problem.is_blocking) << sentence_of(problem);
  input.facts["db2"].running_units = {std::string(agent_unit)};
  EXPECT_THAT(codes(make_plan(input)), ElementsAre(ProblemCode::slow_path, ProblemCode::small_packets));
}

TEST(Plan, why_a_host_cannot_be_asked_says_what_to_do) {
  auto input = test::bare_input(five());
  const auto said = [&](Obstacle obstacle) {
    input.facts["db2"].is_reachable = false;
    input.facts["db2"].obstacle = obstacle;
    return sentence_of(make_plan(input).problems.front());
  };
  EXPECT_THAT(said(Obstacle::no_answer), testing::HasSubstr("10.77.0.22"));
  EXPECT_THAT(said(Obstacle::key_refused), testing::HasSubstr("authorized_keys"));
  EXPECT_THAT(said(Obstacle::other_host_key), testing::HasSubstr("replace-host"));
}

TEST(Plan, a_name_that_nobody_knows_stands_in_the_way_until_the_site_is_begun) {
  auto input = test::bare_input(five());
  input.facts["ccm2"].resolved.clear();
  auto plan = make_plan(input);
  ASSERT_THAT(codes(plan), ElementsAre(ProblemCode::name_not_resolved));
  EXPECT_TRUE(plan.problems.front().is_blocking);
  EXPECT_THAT(plan.problems.front().mend, testing::HasSubstr("10.77.0.31"));
  input.facts["db1"].site_id = test::site_id;
  input.facts["db1"].running_units = {std::string(agent_unit)};
  EXPECT_FALSE(make_plan(input).problems.front().is_blocking);
}

// A run was killed when the first database served: tests/machines/test_setup.py.
TEST(Plan, the_sites_own_primary_does_not_take_the_floating_address_from_it) {
  auto input = test::bare_input(five());
  input.facts["db2"].answering = {"10.77.0.100"};
  EXPECT_THAT(codes(make_plan(input)), ElementsAre(ProblemCode::floating_taken));
  input.facts["db1"].site_id = test::site_id;
  input.facts["db1"].running_units = {std::string(agent_unit)};
  EXPECT_THAT(codes(make_plan(input)), IsEmpty());
}

TEST(Plan, a_data_directory_of_nobody_stands_in_the_way_and_no_step_touches_it) {
  auto input = test::bare_input(five());
  input.facts["db1"].has_data_directory = true;
  const auto plan = make_plan(input);
  ASSERT_THAT(codes(plan), ElementsAre(ProblemCode::data_directory));
  EXPECT_TRUE(plan.problems.front().is_blocking);
  for (const auto& step : plan.steps)
    for (const auto& file : step.files) EXPECT_THAT(file.path, testing::StartsWith("/etc/gemel"));
}

TEST(Plan, no_name_of_a_secret_file_is_taken_for_one_that_nobody_reads) {
  const Concepts all{.manager = true, .database = true, .balancer = true, .voter = true};
  for (const auto* path : {"/etc/gemel/pki/etcd-peer.key", "/etc/gemel/secrets/rewind.password", "/etc/gemel/new"})
    EXPECT_TRUE(readers_of(path, all).agent) << path;
}

// The managers read it at each connection; a restart for it would be one for nothing.
TEST(Plan, the_password_of_the_database_user_restarts_nobody) {
  const Concepts all{.manager = true, .database = true, .balancer = true, .voter = true};
  EXPECT_FALSE(readers_of("/etc/gemel/secrets/application.password", all).manager);
  EXPECT_FALSE(readers_of("/etc/gemel/secrets/application.password", all).agent);
}

}  // namespace
}  // namespace gemel::site
