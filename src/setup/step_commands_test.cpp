#include "setup/step_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>

#include "base/text.h"
#include "runtime/files.h"
#include "setup/check_answer.h"
#include "setup/host_facts_script.h"
#include "setup/host_keys.h"
#include "site/render.h"
#include "site/test_facts.h"
#include "site/test_sites.h"

namespace gemel::setup {
namespace {

using site::StepKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

site::Site five() { return *site::parse_site(site::test::good_site(), "site.toml").site; }

TEST(Remote, a_word_stays_one_word_whatever_it_holds) {
  EXPECT_EQ(shell_quoted("a b"), "'a b'");
  EXPECT_EQ(shell_quoted("it's; $(x) `y`"), R"('it'\''s; $(x) `y`')");
  EXPECT_EQ(shell_quoted(""), "''");
}

/// Everything a whole plan of bare hosts sends, and no secret of the site among the arguments.
TEST(StepCommands, never_a_secret_among_the_arguments) {
  char name[] = "/tmp/gemel-commands-XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  const std::filesystem::path directory = name;
  auto input = site::test::bare_input(five());
  ASSERT_TRUE(site::render(input.site, directory));
  input.manifest = *site::read_manifest(input.site, directory);
  for (auto& package : input.packages) {
    package.file = directory / (package.name + ".deb");
    ASSERT_TRUE(runtime::write_file_durably(package.file, "deb", 0644));
  }
  std::vector<std::string> secrets;
  for (const auto& entry : std::filesystem::directory_iterator(directory / "secrets")) {
    auto text = *runtime::read_file(entry.path());
    secrets.push_back(text.substr(0, text.size() - 1));
  }
  ASSERT_EQ(secrets.size(), 5U);
  const auto plan = site::make_plan(input);
  std::size_t puts = 0;
  for (const auto& step : plan.steps) {
    const auto commands = commands_of(step, input.site.name);
    ASSERT_TRUE(commands) << commands.error().to_string();
    EXPECT_FALSE(commands->empty()) << step.id;
    for (const auto& command : *commands) {
      puts += command.input_file ? 1 : 0;
      for (const auto& argument : command.arguments) {
        EXPECT_THAT(argument, Not(HasSubstr("PRIVATE KEY")));
        for (const auto& secret : secrets) EXPECT_THAT(argument, Not(HasSubstr(secret)));
      }
      for (const auto& secret : secrets) EXPECT_THAT(command.input, Not(HasSubstr(secret)));
    }
  }
  EXPECT_GT(puts, 30U);
  std::filesystem::remove_all(directory);
}

TEST(StepCommands, firewalld_gets_its_rules_for_now_and_for_the_next_boot) {
  site::Step step;
  step.kind = StepKind::set_firewall;
  step.firewall = site::FirewallKind::firewalld;
  step.firewalld = {{"rule a", "rule b"}, {"rule c"}};
  const auto commands = commands_of(step, "lab");
  ASSERT_TRUE(commands);
  std::vector<std::string> lines;
  for (const auto& command : *commands) lines.push_back(join(command.arguments, "|"));
  EXPECT_THAT(lines, ElementsAre("firewall-cmd|--quiet|--add-rich-rule=rule a|--add-rich-rule=rule b|--permanent",
                                 "firewall-cmd|--quiet|--add-rich-rule=rule a|--add-rich-rule=rule b",
                                 "firewall-cmd|--quiet|--remove-rich-rule=rule c|--permanent",
                                 "firewall-cmd|--quiet|--remove-rich-rule=rule c"));
}

TEST(StepCommands, never_a_data_directory_among_the_arguments) {
  auto input = site::test::bare_input(five());
  for (auto& [host, files] : input.manifest.hosts)
    std::erase_if(files, [](const auto& file) { return !file.is_directory; });
  for (auto& package : input.packages) package.file = "/etc/hostname";
  for (const auto& step : site::make_plan(input).steps) {
    const auto commands = commands_of(step, input.site.name);
    ASSERT_TRUE(commands);
    for (const auto& command : *commands)
      for (const auto& argument : command.arguments) EXPECT_THAT(argument, Not(HasSubstr("/var/lib/gemel")));
  }
}

TEST(HostFacts, are_read_from_lines_and_everything_else_is_passed_over) {
  const auto facts = parse_facts(
      "warning: something\nfact\tname\tdb1\nfact\tsystem\tdebian 12\n"
      "fact\tfile\t/etc/gemel/host.toml\tabc\t644\troot\troot\t17\nfact\tdirectory\t/etc/gemel\t755\troot\troot\n"
      "fact\tpackage\tgemel\t1.0\nfact\trunning\tgemeld.service\nfact\tstarted\tgemeld."
      "service\t18\nfact\tenabled\tgemeld.service\n"
      "fact\tresolved\tdb2\t10.0.0.2\nfact\tresolved\tdb2\tfd00::2\nfact\tlistening\t22\nfact\tfirewall\tnftables\n"
      "fact\trule\tinput\nfact\tsite\tid-1\nfact\tdata\nfact\tprimary\tdb1\n"
      "fact\tmemory\t3900\nfact\tdisk\t70000\nfact\taddress\t10.0.0.1\teth0\nfact\tanswering\t10.0.0.9\n"
      "fact\tlistener\t443\tnginx\nfact\ttaken\t10.0.0.1\nfact\tsystem_disk\t900\n"
      "fact\tunheard\t10.0.0.3\t7401\nfact\ttrip\t10.0.0.3\t412\nfact\tsmall\t10.0.0.3\n"
      "fact\tfloating\t10.0.0.9\nfact\tmember\tdb1\t10.0.0.1\tdatabase\nfact\tmember\tccm1\t10.0.0.4\tother\n"
      "fact\ttimer\tlease_ms\t500\nfact\ttimer\tclock_rate_error\t0.1\nfact\tcandidate\thaproxy\t2.6."
      "12\nfact\tsilent\t10.0.0.3\t5432\n"
      "fact\tstuck\t10.0.0.9\tthe role may not\nfact\tendpoint\tdb.example.org:5432\n"
      "fact\tunreached\tConnection refused\nfact\tend\n");
  ASSERT_TRUE(facts) << facts.error().to_string();
  EXPECT_TRUE(facts->is_reachable);
  EXPECT_EQ(facts->system, "debian 12");
  EXPECT_EQ(facts->files.at("/etc/gemel/host.toml"), (site::FileFact{false, "abc", 0644, "root", "root", 17}));
  EXPECT_EQ(facts->files.at("/etc/gemel"), (site::FileFact{true, "", 0755, "root", "root"}));
  EXPECT_EQ(facts->resolved.at("db2").size(), 2U);
  EXPECT_TRUE(facts->listening.contains(22));
  EXPECT_TRUE(facts->has_data_directory && facts->is_primary);
  EXPECT_EQ(facts->site_id, "id-1");
  EXPECT_EQ(facts->started.at("gemeld.service"), 18);
  EXPECT_EQ(facts->memory_mb, 3900U);
  EXPECT_TRUE(facts->silent.contains({"10.0.0.3", 5432}));
  EXPECT_EQ(facts->free_disk_mb, 70'000U);
  EXPECT_EQ(facts->interfaces.at("10.0.0.1"), "eth0");
  EXPECT_TRUE(facts->answering.contains("10.0.0.9"));
  EXPECT_EQ(facts->listeners.at(443), "nginx");
  EXPECT_TRUE(facts->taken.contains("10.0.0.1"));
  EXPECT_EQ(facts->free_system_mb, 900U);
  EXPECT_TRUE(facts->silent_udp.contains({"10.0.0.3", 7401}));
  EXPECT_EQ(facts->round_trips.at("10.0.0.3"), std::chrono::microseconds(412));
  EXPECT_TRUE(facts->small_packets.contains("10.0.0.3"));
  EXPECT_EQ(facts->candidates.at("haproxy"), "2.6.12");
  EXPECT_TRUE(facts->floating.contains("10.0.0.9"));
  EXPECT_EQ(facts->members.at("db1"), (site::MemberFact{"10.0.0.1", true}));
  EXPECT_EQ(facts->members.at("ccm1"), (site::MemberFact{"10.0.0.4", false}));
  EXPECT_EQ(facts->stuck.at("10.0.0.9"), "the role may not");
  EXPECT_EQ(facts->endpoint, "db.example.org:5432");
  EXPECT_EQ(facts->unreached, "Connection refused");
  EXPECT_EQ(facts->timers, (std::map<std::string, double>{{"lease_ms", 500}, {"clock_rate_error", 0.1}}));
}

TEST(HostFacts, managers_are_asked_for_the_external_database) {
  const auto site = *site::parse_site(site::test::external_site(), "site.toml").site;
  const auto questions = [&](std::size_t host) {
    return join(facts_command(site, {}, site.hosts[host]).arguments, "\n") + "\n";
  };
  EXPECT_THAT(questions(0), HasSubstr("\nendpoint:db.example.org 5433\n"));
  EXPECT_THAT(questions(2), Not(HasSubstr("\nendpoint:"))) << "the balancer has nothing to ask there";
}

TEST(HostFacts, database_hosts_are_asked_for_what_moves_the_floating_address) {
  auto site = five();
  const auto questions = [&](std::size_t host) {
    return join(facts_command(site, {}, site.hosts[host]).arguments, "\n") + "\n";
  };
  constexpr std::size_t manager = 0, database = 2;
  EXPECT_THAT(questions(database), HasSubstr("\nanswer:10.77.0.100\n"));
  EXPECT_THAT(questions(database), Not(HasSubstr("\nmove:")));
  site.address.provider = site::AddressProvider::command;
  site.address.command = "/usr/local/sbin/move";
  EXPECT_THAT(questions(database), HasSubstr("\nfile:/usr/local/sbin/move\n"));
  EXPECT_THAT(questions(database), Not(HasSubstr("\nmove:")));
  EXPECT_THAT(questions(manager), Not(HasSubstr("/usr/local/sbin/move")));
  site.address = {};
  site.address.provider = site::AddressProvider::openstack;
  EXPECT_THAT(questions(database), HasSubstr("\nfile:/etc/openstack/gemel.secret\n"));
  EXPECT_THAT(questions(database), HasSubstr("\nmove:10.77.0.100 eth0\n"));
  site.hosts[database].vip = "10.77.0.121";
  EXPECT_THAT(questions(database), HasSubstr("\nmove:10.77.0.121 eth0\n"));
  EXPECT_THAT(questions(database), Not(HasSubstr("\nanswer:"))) << "the public address answers for the whole site";
}

TEST(HostFacts, a_clock_is_off_by_what_the_way_there_and_back_does_not_explain) {
  using std::chrono::milliseconds;
  const auto ahead = [](const std::string& shown) {
    const auto facts = parse_facts("fact\tclock\t" + shown + "\nfact\tend\n", {milliseconds(5000), milliseconds(6000)});
    return facts ? facts->clock_ahead : milliseconds(-1);
  };
  EXPECT_EQ(ahead("5400"), milliseconds(0));
  EXPECT_EQ(ahead("3605400"), milliseconds(3'599'400));
  EXPECT_EQ(ahead("4000"), milliseconds(-1000));
  EXPECT_EQ(ahead("?"), milliseconds(0));
}

TEST(HostFacts, an_answer_without_its_end_is_corrupt) {
  EXPECT_EQ(parse_facts("fact\tname\tdb1\n").error().code, ErrorCode::corrupt);
}

TEST(HostKeys, are_read_from_a_scan_and_shown_as_ssh_shows_them) {
  const auto keys = parse_scan(
      "# 10.0.0.1:22 SSH-2.0-OpenSSH_9.2p1\n"
      "10.0.0.1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n",
      "db1");
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].host, "db1");
  // The fingerprint that the largest code host publishes for this well-known key.
  EXPECT_EQ(*fingerprint(keys[0]), "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
  EXPECT_FALSE(fingerprint({"db1", "ssh-ed25519", "?"}));
}

TEST(HostKeys, of_a_host_that_is_gone_are_forgotten_and_no_others) {
  char name[] = "/tmp/gemel-keys-XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  const auto file = std::filesystem::path(name) / "known_hosts";
  const HostKey db1{"db1", "ssh-ed25519", "AAAA"}, db2{"db2", "ssh-ed25519", "BBBB"};
  ASSERT_TRUE(pin(file, {db1, db2}));
  ASSERT_TRUE(unpin(file, "db1"));
  EXPECT_EQ(*pinned_keys(file), std::vector{db2});
  EXPECT_TRUE(unpin(file, "nobody"));
  EXPECT_EQ(*pinned_keys(file), std::vector{db2});
  std::filesystem::remove_all(name);
}

api::SiteStatus healthy() {
  api::SiteStatus status;
  status.summary.primary = "db1";
  status.summary.members = {"db1", "db2"};
  for (const auto* name : {"ccm1", "db1", "db2", "lb1"}) {
    api::HostEntry entry;
    entry.host = name;
    entry.is_reachable = true;
    entry.status.emplace();
    status.hosts.push_back(entry);
  }
  status.hosts[1].status->database.emplace().role = "primary";
  status.hosts[2].status->database.emplace().role = "standby";
  status.hosts[0].status->store.emplace().has_quorum = true;
  auto& balancer = status.hosts[3].status->balancer.emplace();
  balancer.is_running = true;
  balancer.backends = {{"ccm1", "UP", 0}};
  return status;
}

TEST(CheckAnswer, a_healthy_site_passes_every_check) {
  const auto status = healthy();
  EXPECT_EQ(missing_for(StepKind::check_agent, "ccm1", status), "");
  EXPECT_EQ(missing_for(StepKind::check_database, "db1", status), "");
  EXPECT_EQ(missing_for(StepKind::check_database, "db2", status), "");
  EXPECT_EQ(missing_for(StepKind::check_manager, "ccm1", status), "");
  EXPECT_EQ(missing_for(StepKind::check_balancer, "lb1", status), "");
  EXPECT_EQ(missing_for(StepKind::check_database, "db2", "noise " + api::to_json(status) + "\n"), "");
}

TEST(CheckAnswer, a_further_standby_streams_and_holds_no_commit_up) {
  auto status = healthy();
  auto third = status.hosts[2];
  third.host = "db3";
  status.hosts.push_back(third);
  EXPECT_NE(missing_for(StepKind::check_database, "db3", status), "");
  status.hosts[1].status->database->standbys.push_back({"db3", true, "0/1", 0});
  EXPECT_EQ(missing_for(StepKind::check_database, "db3", status), "");
  status.summary.members = {"db1"};
  EXPECT_NE(missing_for(StepKind::check_database, "db3", status), "") << "somebody must hold every write";
}

TEST(CheckAnswer, a_manager_without_a_balancer_speaks_for_itself) {
  EXPECT_EQ(missing_for(StepKind::check_lone_manager, "ccm1", std::string("ready\n")), "");
  EXPECT_EQ(missing_for(StepKind::check_lone_manager, "ccm1", std::string("database: no answer for 6.2 s\n")),
            "database: no answer for 6.2 s");
  EXPECT_NE(missing_for(StepKind::check_lone_manager, "ccm1", std::string()), "");
  site::Step step;
  step.kind = StepKind::check_lone_manager;
  EXPECT_EQ(commands_of(step, "lab")->front().arguments, (std::vector<std::string>{"gemel", "ready"}));
}

TEST(StepCommands, a_bridge_is_laid_after_the_files_it_goes_with) {
  site::Step step;
  step.kind = StepKind::lay_files;
  step.files = {{"/etc/gemel/pki", 0755, "root", "root", true, "", ""}};
  step.text = "bridge";
  const auto commands = commands_of(step, "lab");
  ASSERT_TRUE(commands);
  ASSERT_EQ(commands->size(), 2U);
  EXPECT_EQ(commands->back().input, "bridge");
}

TEST(CheckAnswer, what_is_missing_is_said) {
  auto status = healthy();
  status.summary.members = {"db1"};
  status.hosts[0].status->store->silent = {"lb1"};
  EXPECT_EQ(missing_for(StepKind::check_agent, "ccm1", status), "") << "another's member is no reason to wait";
  status.hosts[0].status->store->silent = {"ccm1"};
  EXPECT_NE(missing_for(StepKind::check_agent, "ccm1", status), "");
  status.hosts[0].status->store->silent.clear();
  status.hosts[0].status->store->has_quorum = false;
  status.hosts[3].status->balancer->backends[0].state = "DOWN";
  EXPECT_NE(missing_for(StepKind::check_agent, "ccm1", status), "");
  EXPECT_NE(missing_for(StepKind::check_database, "db2", status), "");
  EXPECT_NE(missing_for(StepKind::check_manager, "ccm1", status), "");
  EXPECT_NE(missing_for(StepKind::check_balancer, "lb1", status), "");
  EXPECT_NE(missing_for(StepKind::check_agent, "nobody", status), "");
  EXPECT_NE(missing_for(StepKind::check_agent, "ccm1", std::string("gemel: no agent answered")), "");
}

}  // namespace
}  // namespace gemel::setup
