// A site whose database is somebody else's: its file, what is rendered, planned and opened.
#include "site/external_database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "base/text.h"
#include "site/host_work.h"
#include "site/ports.h"
#include "site/render.h"
#include "site/secrets.h"
#include "site/test_facts.h"
#include "site/test_sites.h"
#include "site/tree.h"

namespace gemel::site {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
const std::string good_password = "it's a pass:word\\ of 4 sorts";

Site site_of(const std::string& text) {
  auto parsed = parse_site(text, "site.toml");
  for (const auto& mistake : parsed.mistakes) ADD_FAILURE() << to_string(mistake);
  return parsed.site.value_or(Site{});
}

Site external() { return site_of(test::external_site()); }

std::string replaced(std::string text, const std::string& old, const std::string& by) {
  const auto at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), by);
}

std::string all_of(const Messages& messages) {
  std::string all;
  for (const auto& message : messages) all += to_string(message) + "\n";
  return all;
}

std::string mistakes_of(const std::string& text) { return all_of(parse_site(text, "site.toml").mistakes); }

// ---- the site file ----

TEST(ExternalDatabase, is_a_site_without_database_hosts_and_without_votes) {
  const auto outcome = parse_site(test::external_site(), "/x/site.toml");
  ASSERT_TRUE(outcome.site) << all_of(outcome.mistakes);
  const auto& site = *outcome.site;
  EXPECT_TRUE(outcome.warnings.empty()) << all_of(outcome.warnings);
  EXPECT_EQ(site.database.external, (ExternalDatabase{"db.example.org", 5433, external_ca_file}));
  EXPECT_EQ(site.external_files, (ExternalDatabaseFiles{"/x/provider-ca.pem", "/x/database.password"}));
  EXPECT_TRUE(std::ranges::none_of(site.hosts, [](const Host& host) { return host.concepts.voter; }));
  EXPECT_THAT(site.service_targets, IsEmpty());
  EXPECT_TRUE(site.is_highly_available());
  EXPECT_FALSE(site.is_standalone());
}

TEST(ExternalDatabase, goes_with_one_manager_too) {
  const auto site = site_of(test::external_head + test::host("ccm1", "CCM_SA", "11"));
  EXPECT_TRUE(site.is_direct);
  EXPECT_FALSE(site.is_highly_available());
  EXPECT_FALSE(
      site_of(test::external_head + test::host("ccm1", "CCM_SA", "11") + test::host("lb1", "CCM_LB", "31")).is_direct);
  EXPECT_THAT(
      mistakes_of(test::external_head + test::host("ccm1", "CCM_SA", "11") + test::host("ccm2", "CCM_SA", "12")),
      HasSubstr("use CCM_SA_PRIMARY and CCM_SA_SECONDARY"));
}

TEST(ExternalDatabase, trusts_what_the_systems_trust_without_an_authority) {
  const auto site = site_of(replaced(test::external_site(), "ca = \"provider-ca.pem\"\n", ""));
  EXPECT_EQ(site.database.external->ca, system_ca_file);
  EXPECT_TRUE(site.external_files->ca.empty());
}

TEST(ExternalDatabase, has_an_endpoint_of_name_and_port) {
  EXPECT_EQ(parse_endpoint("db.example.org"), (ExternalDatabase{"db.example.org", 5432, {}}));
  EXPECT_EQ(parse_endpoint("10.0.0.5:5433"), (ExternalDatabase{"10.0.0.5", 5433, {}}));
  EXPECT_EQ(parse_endpoint("[fd00::5]:5433"), (ExternalDatabase{"fd00::5", 5433, {}}));
  EXPECT_EQ(parse_endpoint("[fd00::5]"), (ExternalDatabase{"fd00::5", 5432, {}}));
  const std::string long_name = "mydb.c1a2b3c4d5e6.eu-central-1.rds.amazonaws.com.of-more-than-63-letters";
  EXPECT_EQ(parse_endpoint(long_name + ":1")->endpoint(), long_name + ":1");
  EXPECT_EQ(parse_endpoint("[fd00::5]:5433")->endpoint(), "[fd00::5]:5433");
  for (const auto* text :
       {"", ":5432", "db:", "db:0", "db:05", "db:65536", "db:5432 ", "db:54x", "fd00::5", "[10.0.0.5]:1", "[fd00::5",
        "[fd00::5]5432", "postgresql://db", "db,db2", "db 'x'", "10.0.0.300", "-db"}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
  }
}

TEST(ExternalDatabase, every_mistake_is_named_at_its_place_with_the_way_out) {
  const auto with = [](const std::string& old, const std::string& by) {
    return mistakes_of(replaced(test::external_site(), old, by));
  };
  const std::string endpoint = "endpoint = \"db.example.org:5433\"";
  EXPECT_THAT(with(endpoint, "endpoint = \"postgresql://db.example.org/gemel\""),
              AllOf(HasSubstr("site.toml:9:12: "), HasSubstr("is no endpoint: write the name")));
  EXPECT_THAT(with(endpoint, "endpoint = \"127.0.0.1:5432\""), HasSubstr("cannot be reached by other hosts"));
  EXPECT_EQ(parse_site(replaced(test::external_site(), endpoint, "endpoint = 5432"), "site.toml").mistakes.size(), 1U)
      << "what it is meant to be is clear";
  EXPECT_THAT(with("password_file = \"database.password\"\n", ""),
              AllOf(HasSubstr("site.toml:9:12: "), HasSubstr("\"endpoint\" needs \"password_file\"")));
  EXPECT_THAT(with("\"provider-ca.pem\"", "\"\""), HasSubstr("site.toml:10:6: an empty path"));
  EXPECT_THAT(with(endpoint + "\n", ""),
              AllOf(HasSubstr("site.toml:9:6: \"ca\" is for an external database: give its \"endpoint\""),
                    HasSubstr("site.toml:10:17: \"password_file\" is for an external database")));
  const auto beside = [&](const std::string& section, const std::string& line) {
    return with(section + "\n", section + "\n" + line + "\n");
  };
  for (const auto* line : {"vip = \"10.77.0.100\"", "vip6 = \"fd77::100\"", "address_provider = \"layer2\"",
                           "address_command = \"/usr/bin/move\"", "service_targets = [\"10.77.0.1\"]",
                           "client_addresses = [\"198.51.100.7\"]"}) {
    EXPECT_THAT(beside("[network]", line),
                AllOf(HasSubstr("site.toml:6:"), HasSubstr("does not go together with \"endpoint\"")))
        << line;
  }
  for (const auto* line : {"min_copies = 1", "sync_standbys = 1", "program_directory = \"/usr/bin\""}) {
    EXPECT_THAT(beside("[database]", line),
                AllOf(HasSubstr("site.toml:9:"), HasSubstr("does not go together with \"endpoint\"")))
        << line;
  }
  EXPECT_THAT(mistakes_of(test::external_site() + "[ports]\npostgres = 5433\n"),
              HasSubstr("the port stands in the endpoint"));
  EXPECT_THAT(mistakes_of(test::external_site() + "[aws]\nregion = \"eu-central-1\"\n"),
              HasSubstr("[aws] does not go"));
  EXPECT_THAT(mistakes_of(test::external_site() + "vip = \"10.77.0.99\"\n"),
              HasSubstr("\"vip\" of a host does not go"));
}

TEST(ExternalDatabase, no_host_may_be_a_database) {
  const auto five = parse_site(test::external_head + test::five_hosts(), "site.toml");
  EXPECT_THAT(five.mistakes, SizeIs(2)) << all_of(five.mistakes);
  EXPECT_THAT(all_of(five.mistakes),
              AllOf(HasSubstr("site.toml:29:8: MGMTPOSTGRES_MASTER is a database"), HasSubstr("take the host out"),
                    HasSubstr("MGMTPOSTGRES_SLAVE is a database")));
  for (const auto* role : {"ALL", "CCM"}) {
    const auto one = parse_site(test::external_head + test::host("ccm1", role, "11"), "site.toml");
    EXPECT_THAT(one.mistakes, SizeIs(1)) << all_of(one.mistakes);
    EXPECT_THAT(all_of(one.mistakes), HasSubstr("use CCM_SA_PRIMARY, CCM_SA_SECONDARY and CCM_LB"));
  }
  EXPECT_THAT(mistakes_of(test::external_head + test::host("ccm1", "CCM_SA_PRIMARY", "11")),
              AllOf(HasSubstr("CCM_SA_SECONDARY"), HasSubstr("CCM_LB"), Not(HasSubstr("MGMTPOSTGRES"))));
}

// ---- host.toml ----

TEST(ExternalDatabase, host_toml_says_where_it_is) {
  const auto site = external();
  const auto config = host_config(site, test::site_id, site.hosts[0]);
  const auto text = to_toml(config);
  EXPECT_THAT(text,
              AllOf(HasSubstr("endpoint = 'db.example.org:5433'"), HasSubstr("db-ca.crt"), Not(HasSubstr("password"))));
  const auto again = parse_host_config(text, "host.toml");
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->database, config.database);
  EXPECT_EQ(to_toml(*again), text);
  EXPECT_FALSE(again->database_address());
  auto broken = config;
  broken.hosts[2].concepts.database = true;
  EXPECT_FALSE(parse_host_config(to_toml(broken), "host.toml")) << "whose database would count?";
  broken = config;
  broken.database.external.reset();
  EXPECT_FALSE(parse_host_config(to_toml(broken), "host.toml")) << "no database at all";
}

// ---- the operator's files ----

class ExternalFiles : public testing::Test {
 protected:
  ExternalFiles() {
    char pattern[] = "/tmp/gemel-external-XXXXXX";
    folder_ = mkdtemp(pattern);
    files_ = {folder_ / "provider-ca.pem", folder_ / "database.password"};
    authority_ = make_authority("provider")->certificate;
    put(files_.ca, authority_, 0644);
    put(files_.password, good_password + "\n", 0600);
  }
  ~ExternalFiles() override { std::filesystem::remove_all(folder_); }
  static void put(const std::filesystem::path& file, const std::string& text, mode_t mode) {
    std::ofstream(file, std::ios::trunc) << text;
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
  }
  std::string fault() {
    const auto read = read_external_database(files_, now);
    if (read) return "";
    EXPECT_EQ(read.error().code, ErrorCode::refused);
    return read.error().message;
  }
  Site site() {
    auto site = external();
    site.external_files = files_;
    return site;
  }
  std::string laid(const std::string& host, const std::string& path) {
    return read_if_there(folder_ / "out" / host / path)->value_or("(not there)");
  }

  std::filesystem::path folder_;
  ExternalDatabaseFiles files_;
  std::string authority_;
};

TEST_F(ExternalFiles, are_taken_as_they_are_but_for_comments) {
  put(files_.ca, "# the provider's\n" + authority_ + "\n" + make_authority("next")->certificate, 0644);
  const auto read = read_external_database(files_, now);
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->password, good_password);
  EXPECT_TRUE(read->authorities.starts_with(authority_));
  EXPECT_THAT(read->authorities, Not(HasSubstr("#")));
}

TEST_F(ExternalFiles, every_fault_is_said_at_once_with_the_way_out) {
  put(files_.ca, "no certificate", 0644);
  put(files_.password, good_password, 0640);
  EXPECT_THAT(fault(), AllOf(HasSubstr("provider-ca.pem: it holds no certificate"), HasSubstr("chmod 600"),
                             Not(HasSubstr(good_password))));
  std::filesystem::remove(files_.ca);
  std::filesystem::remove(files_.password);
  EXPECT_THAT(fault(), AllOf(HasSubstr("provider-ca.pem: there is no such file"),
                             HasSubstr("database.password: there is no such file; correct \"password_file\"")));
  std::filesystem::create_directory(files_.ca);
  EXPECT_THAT(fault(), HasSubstr("that is no file"));
}

TEST_F(ExternalFiles, authorities_that_cannot_be_right_are_refused) {
  const auto pair = make_authority("provider");
  put(files_.ca, pair->certificate + pair->key, 0644);
  EXPECT_THAT(fault(), HasSubstr("it holds a private key"));
  put(files_.ca, authority_ + "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", 0644);
  EXPECT_THAT(fault(), HasSubstr("certificate 2 in it is damaged"));
  put(files_.ca, authority_, 0644);
  const auto later = read_external_database(files_, now + authority_validity + std::chrono::days(1));
  ASSERT_FALSE(later);
  EXPECT_THAT(later.error().message, HasSubstr("has expired"));
}

TEST_F(ExternalFiles, passwords_that_cannot_be_right_are_refused) {
  for (const auto& [text, says] : std::map<std::string, std::string>{{"", "it is empty"},
                                                                     {"\n", "it is empty"},
                                                                     {"one\ntwo\n", "more than one line"},
                                                                     {" leading", "begins or ends with a blank"},
                                                                     {"postgres\n", "known default"},
                                                                     {"cliqr123\n", "known default"},
                                                                     {std::string(1001, 'x'), "more than 1000"}}) {
    put(files_.password, text, 0600);
    EXPECT_THAT(fault(), HasSubstr(says)) << text;
  }
}

// ---- what is rendered ----

TEST_F(ExternalFiles, managers_get_the_providers_authority_and_password_and_nobody_else_does) {
  const auto rendered = render(site(), folder_ / "out");
  ASSERT_TRUE(rendered) << rendered.error().to_string();
  for (const auto* host : {"ccm1", "ccm2"}) {
    EXPECT_EQ(laid(host, "etc/gemel/pki/db-ca.crt"), authority_);
    EXPECT_EQ(laid(host, "etc/gemel/secrets/application.password"), good_password + "\n");
    EXPECT_THAT(laid(host, ".permissions"),
                AllOf(HasSubstr("0600 gemel-manager:gemel-manager /etc/gemel/secrets/application.password"),
                      Not(HasSubstr("etcd")), Not(HasSubstr("postgres"))));
  }
  EXPECT_THAT(laid("lb1", ".permissions"),
              AllOf(Not(HasSubstr("etcd")), Not(HasSubstr("db-ca")), Not(HasSubstr("application"))));
  const auto summary = read_if_there(rendered->summary)->value_or("");
  EXPECT_THAT(summary, AllOf(HasSubstr("gemel of user cliqr at db.example.org:5433, external"),
                             Not(HasSubstr("Virtual address")), Not(HasSubstr(good_password))));
  // The one copy here that is not on its way to a host is the operator's own.
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out" / "secrets" / "application.password"));
  const auto chosen = render(site(), folder_ / "out", *make_password());
  ASSERT_FALSE(chosen);
  EXPECT_THAT(chosen.error().message, HasSubstr("password_file"));
}

TEST_F(ExternalFiles, nothing_is_written_when_they_are_not_sound) {
  std::filesystem::remove(files_.password);
  EXPECT_EQ(render(site(), folder_ / "out").error().code, ErrorCode::refused);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST_F(ExternalFiles, a_new_password_and_new_authorities_are_rendered_over_the_former) {
  ASSERT_TRUE(render(site(), folder_ / "out"));
  put(files_.password, "another one\n", 0600);
  const auto next = make_authority("next")->certificate;
  put(files_.ca, next, 0644);
  ASSERT_TRUE(render(site(), folder_ / "out"));
  EXPECT_EQ(laid("ccm1", "etc/gemel/secrets/application.password"), "another one\n");
  EXPECT_EQ(laid("ccm1", "etc/gemel/pki/db-ca.crt"), next);
  files_.ca.clear();
  ASSERT_TRUE(render(site(), folder_ / "out"));
  EXPECT_THAT(laid("ccm1", ".permissions"), Not(HasSubstr("db-ca.crt"))) << "the system's authorities are used";
}

// ---- the plan ----

std::vector<std::string> ids(const Plan& plan) {
  std::vector<std::string> list;
  for (const auto& step : plan.steps) list.push_back(step.id);
  return list;
}

std::vector<ProblemCode> codes(const Plan& plan) {
  std::vector<ProblemCode> list;
  for (const auto& problem : plan.problems) list.push_back(problem.code);
  return list;
}

/// Everything done, with the two files that are of this kind of site only.
PlanInput done(const Site& site) {
  auto input = test::done_input(site);
  for (const auto* host : {"ccm1", "ccm2"}) {
    for (const auto path : {application_password_file, external_ca_file}) {
      input.manifest.hosts[host].push_back({std::string(path), 0600, "root", "root", false, "now", "rendered"});
      input.facts[host].files[std::string(path)] = {false, "now", 0600, "root", "root"};
    }
  }
  for (auto& [name, facts] : input.facts) {
    facts.endpoint = site.database.external->endpoint();
    for (const auto& host : site.hosts) facts.members[host.name] = {host.address, false};
  }
  return input;
}

TEST(ExternalPlan, bare_hosts_are_agents_then_managers_that_reach_the_database_then_balancers) {
  const auto plan = make_plan(test::bare_input(external()));
  EXPECT_THAT(plan.problems, IsEmpty());
  for (const auto& step : plan.steps) {
    EXPECT_NE(step.kind, StepKind::check_database) << step.id;
    if (step.kind == StepKind::check_agent) EXPECT_THAT(step.changes, ElementsAre(Not(HasSubstr("store"))));
    if (step.kind == StepKind::install_packages) EXPECT_THAT(step.packages, Not(Contains("etcd-server")));
  }
  auto tail = ids(plan);
  tail.erase(tail.begin(), std::ranges::find(tail, "ccm1/manager"));
  EXPECT_THAT(tail, ElementsAre("ccm1/manager", "ccm1/database-reached", "ccm1/manager-check", "ccm2/manager",
                                "ccm2/database-reached", "ccm2/manager-check", "lb1/balancer-check"));
  const auto& second = *std::ranges::find(plan.steps, "ccm2/manager", &Step::id);
  EXPECT_THAT(second.needs, AllOf(Contains("ccm1/manager-check"), Contains("ccm2/agent-check")));
}

TEST(ExternalPlan, a_manager_alone_is_seen_to_reach_it_once) {
  const auto plan = make_plan(test::bare_input(site_of(test::external_head + test::host("ccm1", "CCM_SA", "11"))));
  EXPECT_THAT(ids(plan), AllOf(Contains("ccm1/manager-check"), Not(Contains("ccm1/database-reached"))));
}

TEST(ExternalPlan, nothing_to_do_is_a_plan_of_zero_steps) {
  const auto plan = make_plan(done(external()));
  EXPECT_THAT(ids(plan), IsEmpty());
  EXPECT_THAT(plan.problems, IsEmpty());
}

TEST(ExternalPlan, a_new_password_comes_to_one_manager_after_the_other) {
  auto input = done(external());
  for (const auto* host : {"ccm1", "ccm2"})
    input.facts[host].files[std::string(application_password_file)].sha256 = "former";
  EXPECT_THAT(ids(make_plan(input)),
              ElementsAre("ccm1/files", "ccm1/manager", "ccm1/database-reached", "ccm1/manager-check", "ccm2/files",
                          "ccm2/manager", "ccm2/database-reached", "ccm2/manager-check"));
}

TEST(ExternalPlan, a_database_that_nobody_reaches_stands_in_the_way_until_the_site_runs) {
  auto input = test::bare_input(external());
  input.facts["ccm2"].unreached = "its name is not known here";
  auto plan = make_plan(input);
  ASSERT_THAT(codes(plan), ElementsAre(ProblemCode::database_silent));
  EXPECT_TRUE(plan.problems[0].is_blocking);
  EXPECT_EQ(plan.problems[0].host, "ccm2");
  EXPECT_THAT(sentence_of(plan.problems[0]), HasSubstr("db.example.org:5433 is not reached: its name is not known"));
  input = done(external());
  input.facts["ccm1"].unreached = "no answer within 5 s";
  plan = make_plan(input);
  ASSERT_THAT(codes(plan), ElementsAre(ProblemCode::database_silent));
  EXPECT_FALSE(plan.problems[0].is_blocking) << "nobody is kept from mending a site";
}

TEST(ExternalPlan, a_database_that_lets_nobody_in_stands_in_the_way) {
  auto input = done(external());
  input.facts["ccm1"].login_refused = "certificate verify failed";
  const auto plan = make_plan(input);
  ASSERT_THAT(codes(plan), ElementsAre(ProblemCode::database_refuses));
  EXPECT_TRUE(plan.problems[0].is_blocking);
}

TEST(ExternalPlan, the_systems_authorities_must_be_there) {
  const auto site = site_of(replaced(test::external_site(), "ca = \"provider-ca.pem\"\n", ""));
  auto input = test::bare_input(site);
  input.facts["ccm1"].files[std::string(system_ca_file)] = {};
  const auto plan = make_plan(input);
  ASSERT_THAT(codes(plan), ElementsAre(ProblemCode::no_authorities));
  EXPECT_EQ(plan.problems[0].host, "ccm2");
}

TEST(ExternalPlan, no_running_site_is_led_to_another_database) {
  // From the site's own to an external one: the data stays where it is.
  auto own = test::done_input(site_of(test::good_site()));
  auto input = done(external());
  for (auto& [name, facts] : input.facts) {
    facts.endpoint.clear();
    facts.members["db1"] = {"10.77.0.21", true};
  }
  auto plan = make_plan(input);
  EXPECT_THAT(codes(plan), Contains(ProblemCode::other_database));
  EXPECT_THAT(sentence_of(plan.problems[0]), AllOf(HasSubstr("the site's own database"), HasSubstr("gemel destroy")));
  for (auto& [name, facts] : input.facts) facts.running_units.erase(std::string(manager_unit));
  EXPECT_THAT(codes(make_plan(input)), Contains(ProblemCode::other_database)) << "it would begin empty all the same";
  // And back.
  for (auto& [name, facts] : own.facts) {
    facts.endpoint = "db.example.org:5433";
    facts.members["ccm1"] = {"10.77.0.11", false};
  }
  EXPECT_THAT(codes(make_plan(own)), Contains(ProblemCode::other_database));
  // Another endpoint: only while no manager writes.
  input = done(external());
  for (auto& [name, facts] : input.facts) facts.endpoint = "old.example.org:5432";
  plan = make_plan(input);
  EXPECT_THAT(codes(plan), ElementsAre(ProblemCode::other_database, ProblemCode::other_database));
  EXPECT_THAT(sentence_of(plan.problems[0]), HasSubstr("systemctl stop gemel-manager.service"));
  for (auto& [name, facts] : input.facts) facts.running_units.erase(std::string(manager_unit));
  EXPECT_THAT(codes(make_plan(input)), IsEmpty());
}

// ---- ports ----

TEST(ExternalPorts, managers_reach_the_endpoint_and_no_inner_port_of_a_database_or_store_is_there) {
  const auto site = external();
  const auto rules = port_rules(site);
  const auto rule = std::ranges::find(rules, "external.postgres.manager", &PortRule::id);
  ASSERT_NE(rule, rules.end());
  EXPECT_EQ(rule->port, 5433);
  EXPECT_THAT(rule->why, HasSubstr("db.example.org:5433"));
  for (const auto& each : rules) {
    EXPECT_NE(each.to, Party::database) << each.id;
    EXPECT_NE(each.to, Party::voter) << each.id;
  }
  for (const auto& host : site.hosts) {
    for (const auto& open : open_ports(site, host)) EXPECT_NE(open.port, 5433) << host.name;
    // Somebody's own rule for that port is not ours to take away.
    const std::string foreign = R"(rule port port="5433" protocol="tcp" accept)";
    EXPECT_THAT(firewalld_change(site, host, {foreign}).remove, IsEmpty());
  }
}

}  // namespace
}  // namespace gemel::site
