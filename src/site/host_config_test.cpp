#include "site/host_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/site.h"
#include "site/test_sites.h"

namespace gemel::site {
namespace {

HostConfig config_of(const std::string& name) {
  const auto outcome = parse_site(test::good_site(), "site.toml");
  for (const auto& host : outcome.site->hosts) {
    if (host.name == name) return host_config(*outcome.site, "00000000-0000-4000-8000-000000000000", host);
  }
  ADD_FAILURE() << "no host " << name;
  return {};
}

TEST(HostConfig, reads_what_it_writes) {
  auto config = config_of("db1");
  config.min_copies = 2;
  config.sync_standbys = 3;
  config.service_targets = {"10.77.0.1", "10.77.0.21"};
  config.timers.lease = std::chrono::milliseconds(450);
  config.timers.clock_rate_error = 0.05;
  config.ports.agent = 17400;
  config.directories = {"/tmp/a b/etc", "/tmp/\"quoted\"/state", "/tmp/run"};
  config.database.program_directory = "/opt/postgresql/bin";
  config.address.provider = AddressProvider::command;
  config.address.command = "/usr/local/sbin/move \"it\"";
  config.hosts[2].vip = "10.77.0.99";
  const auto again = parse_host_config(to_toml(config), "host.toml");
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(to_toml(*again), to_toml(config));
  EXPECT_EQ(again->hosts, config.hosts);
  EXPECT_EQ(again->ports, config.ports);
  EXPECT_EQ(again->directories, config.directories);
  EXPECT_EQ(again->database, config.database);
  EXPECT_EQ(again->vip, config.vip);
  EXPECT_EQ(again->vip6, config.vip6);
  EXPECT_EQ(again->subnets, config.subnets);
  EXPECT_EQ(again->timers.lease, std::chrono::milliseconds(450));
  EXPECT_EQ(again->timers.clock_rate_error, 0.05);
  EXPECT_EQ(again->min_copies, 2U);
  EXPECT_EQ(again->address, config.address);
  EXPECT_EQ(again->sync_standbys, 3U);
  EXPECT_EQ(again->service_targets, config.service_targets);
  EXPECT_EQ(again->service_targets_of_self(), std::vector<std::string>{"10.77.0.1"}) << "not itself";
  EXPECT_EQ(again->site_id, config.site_id);
}

TEST(HostConfig, reads_the_keys_of_each_cloud_as_it_writes_them) {
  auto config = config_of("db1");
  config.address.provider = AddressProvider::aws;
  EXPECT_EQ(parse_host_config(to_toml(config), "host.toml")->address, config.address) << "all defaults";
  config.address.aws = {"eu-central-1",           {"rtb-1a", "rtb-2b"},    "eipalloc-3c", "https://ec2.internal:8443",
                        "http://[fd00:ec2::254]", "/etc/ssl/certs/own.pem"};
  const auto aws = parse_host_config(to_toml(config), "host.toml");
  ASSERT_TRUE(aws) << aws.error().to_string();
  EXPECT_EQ(aws->address, config.address);
  EXPECT_EQ(aws->address.program(), address_program);
  config.address = {};
  config.address.provider = AddressProvider::openstack;
  config.address.openstack = {"https://keystone:5000/v3",
                              "21dced0fd20347869b93710d2b98aae0",
                              "/root/secret",
                              "one",
                              "internal",
                              "0a1b-2c",
                              "/etc/ca.pem"};
  const auto openstack = parse_host_config(to_toml(config), "host.toml");
  ASSERT_TRUE(openstack) << openstack.error().to_string();
  EXPECT_EQ(openstack->address, config.address);
}

TEST(HostConfig, answers_questions_about_hosts) {
  const auto config = config_of("db2");
  EXPECT_EQ(config.self().address, "10.77.0.22");
  EXPECT_EQ(config.bootstrapper().name, "db1");
  EXPECT_EQ(config.hosts_with(Concept::voter).size(), 3U);
  ASSERT_EQ(config.peers_with(Concept::database).size(), 1U);
  EXPECT_EQ(config.peers_with(Concept::database)[0].name, "db1");
  EXPECT_EQ(config.database_address(), "10.77.0.100");
  EXPECT_EQ(config.find("nobody"), nullptr);
  EXPECT_EQ(config.pki("agent.crt"), "/etc/gemel/pki/agent.crt");
}

TEST(HostConfig, of_a_standalone_site_has_the_only_databases_own_address) {
  for (const auto& [text, address] :
       {std::pair(test::standalone_site(), "10.77.0.21"), {test::one_host_site(), "10.77.0.11"}}) {
    const auto outcome = parse_site(text, "site.toml");
    ASSERT_TRUE(outcome.site);
    const auto config = host_config(*outcome.site, "00000000-0000-4000-8000-000000000000", outcome.site->hosts.front());
    EXPECT_EQ(config.database_address(), address);
    const auto again = parse_host_config(to_toml(config), "host.toml");
    ASSERT_TRUE(again) << again.error().to_string();
    EXPECT_EQ(again->database_address(), address);
    EXPECT_TRUE(again->is_standalone());
    EXPECT_EQ(again->hosts_with(Concept::voter).size(), 1U);
  }
  auto without = config_of("db1");
  without.vip.reset();
  without.vip6.reset();
  EXPECT_EQ(without.database_address(), std::nullopt) << "of two, either may be the primary";
}

TEST(HostConfig, refuses_a_file_that_breaks_what_programs_rely_on) {
  auto stranger = config_of("db1");
  stranger.self_name = "stranger";
  EXPECT_EQ(parse_host_config(to_toml(stranger), "host.toml").error().code, ErrorCode::invalid);
  auto timers = config_of("db1");
  timers.timers.grace = timers.timers.lease;
  EXPECT_THAT(parse_host_config(to_toml(timers), "host.toml").error().message, testing::HasSubstr("[timers]"));
  EXPECT_EQ(parse_host_config("garbage", "host.toml").error().code, ErrorCode::invalid);
  EXPECT_EQ(load_host_config("/nonexistent/host.toml").error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace gemel::site
