// What the parts of the agent are told, made of one host's configuration: the controller and the balancer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/haproxy/balancer_config.h"
#include "agent/balancer_role.h"
#include "agent/database_role.h"
#include "agent/testing_folder.h"
#include "runtime/files.h"
#include "site/site.h"
#include "site/test_sites.h"

namespace gemel::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

site::HostConfig config_of(const std::string& text, const std::string& name) {
  const auto parsed = site::parse_site(text, "site.toml");
  EXPECT_TRUE(parsed.site) << "the site has mistakes";
  for (const auto& host : parsed.site->hosts) {
    if (host.name == name) return site::host_config(*parsed.site, "11111111-2222-3333-4444-555555555555", host);
  }
  ADD_FAILURE() << "no host " << name;
  return {};
}

TEST(ControllerConfig, names_the_database_hosts_of_the_site) {
  for (const auto* self : {"db1", "db2"}) {
    const auto config = controller_config(config_of(site::test::good_site(), self));
    EXPECT_EQ(config.databases, (NodeSet{{"db1"}, {"db2"}}));
    EXPECT_EQ(config.bootstrapper, NodeId{"db1"});
    EXPECT_EQ(config.cluster_id, "11111111-2222-3333-4444-555555555555");
    EXPECT_EQ(config.min_copies, 1U);
    EXPECT_EQ(config.sync_standbys, 1U);
    EXPECT_THAT(core::check_config(NodeId{self}, config), ElementsAre());
  }
}

TEST(ControllerConfig, takes_the_timers_of_the_site) {
  auto host = config_of(site::test::good_site(), "db1");
  host.timers.grace = std::chrono::milliseconds(777);
  host.timers.clock_rate_error = 0.05;
  const auto config = controller_config(host);
  EXPECT_EQ(config.timers.grace, std::chrono::milliseconds(777));
  EXPECT_EQ(config.timers.clock_rate_error, 0.05);
}

TEST(ControllerConfig, of_a_host_without_a_database_is_refused_by_its_check) {
  const auto config = controller_config(config_of(site::test::good_site(), "lb1"));
  EXPECT_THAT(core::check_config(NodeId{"lb1"}, config), ElementsAre(HasSubstr("not a database host")));
}

TEST(ControllerConfig, of_a_standalone_site_has_one_database) {
  for (const auto& [text, self] :
       {std::pair(site::test::standalone_site(), "db1"), {site::test::one_host_site(), "ccm"}}) {
    const auto config = controller_config(config_of(text, self));
    EXPECT_EQ(config.databases, NodeSet{{self}});
    EXPECT_EQ(config.bootstrapper, NodeId{self});
    EXPECT_THAT(core::check_config(NodeId{self}, config), ElementsAre());
  }
}

TEST(GateConfig, lets_managers_to_the_hosts_own_address_only_while_nobody_could_take_over) {
  const auto alone = gate_config(config_of(site::test::standalone_site(), "db1"));
  EXPECT_FALSE(alone.vip);
  EXPECT_THAT(alone.peers, ElementsAre("10.77.0.21", "fd77::21", "10.77.0.11", "fd77::11"));
  const auto pair = gate_config(config_of(site::test::good_site(), "db1"));
  EXPECT_EQ(pair.vip, "10.77.0.100");
  EXPECT_THAT(pair.peers, ElementsAre("10.77.0.21", "fd77::21", "10.77.0.22", "fd77::22"));
}

TEST(ControllerConfig, of_a_compact_site_is_sound_on_every_host) {
  for (const auto* self : {"one", "two"}) {
    const auto host = config_of(site::test::compact_site(), self);
    if (!host.self().concepts.database) continue;
    const auto config = controller_config(host);
    EXPECT_THAT(core::check_config(NodeId{self}, config), ElementsAre());
    EXPECT_TRUE(config.databases.contains(NodeId{self}));
  }
}

class Balancer : public ::testing::Test {
 protected:
  site::HostConfig host(const std::string& text, const std::string& name) {
    auto config = config_of(text, name);
    config.directories.etc = folder / "etc";
    return config;
  }
  void write_password(const std::string& text) {
    std::filesystem::create_directories(folder / "etc/secrets");
    ASSERT_TRUE(runtime::write_file_durably(folder / "etc/secrets/statistics.password", text, 0600));
  }
  testing::Folder folder;
};

TEST_F(Balancer, sends_to_the_managers_of_the_site) {
  write_password("s3cret\n");
  const auto config = host(site::test::good_site(), "lb1");
  const auto balancer = balancer_config(config);
  ASSERT_TRUE(balancer) << balancer.error().to_string();
  EXPECT_EQ(balancer->dns_name, "mgmt.lab.test");
  EXPECT_THAT(balancer->bind_addresses, ElementsAre("10.77.0.31", "fd77::31"));
  EXPECT_EQ(balancer->https, 443);
  EXPECT_EQ(balancer->orchestrators, 8443);
  EXPECT_EQ(balancer->statistics, 9000);
  EXPECT_EQ(balancer->redirect, 80);
  EXPECT_EQ(balancer->statistics_password, "s3cret") << "without the end of the line";
  EXPECT_EQ(balancer->certificate, config.pki("mgmtserver.pem"));
  EXPECT_EQ(balancer->manager_authority, config.pki("web-ca.crt"));
  ASSERT_EQ(balancer->managers.size(), 2U);
  EXPECT_EQ(balancer->managers[0].name, "ccm1");
  EXPECT_EQ(balancer->managers[0].address, "10.77.0.11");
  EXPECT_EQ(balancer->managers[0].https, 443);
  EXPECT_EQ(balancer->managers[1].name, "ccm2");
  EXPECT_TRUE(adapters::haproxy::render_haproxy(*balancer));
}

TEST_F(Balancer, beside_a_manager_leaves_the_ports_to_it) {
  write_password("s3cret");
  const auto config = host(site::test::compact_site(), "one");
  const auto balancer = balancer_config(config);
  ASSERT_TRUE(balancer) << balancer.error().to_string();
  EXPECT_NE(balancer->https, balancer->managers.at(0).https) << "both listen on one host";
  EXPECT_NE(balancer->orchestrators, balancer->managers.at(0).orchestrators);
  EXPECT_EQ(balancer->managers.at(0).https, config.ports.manager_https);
  EXPECT_TRUE(adapters::haproxy::render_haproxy(*balancer));
}

TEST_F(Balancer, without_its_password_is_an_error_that_names_the_file) {
  const auto balancer = balancer_config(host(site::test::good_site(), "lb1"));
  ASSERT_FALSE(balancer);
  EXPECT_EQ(balancer.error().code, ErrorCode::not_found);
  EXPECT_THAT(balancer.error().to_string(), HasSubstr("statistics.password"));
}

}  // namespace
}  // namespace gemel::agent
