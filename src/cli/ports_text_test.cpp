#include "cli/ports_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "site/test_sites.h"

namespace gemel::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

site::Site good_site() { return *site::parse_site(site::test::good_site(), "site.toml").site; }

std::string text(const boost::json::value& value, std::string_view pointer) {
  return boost::json::serialize(value.at_pointer(pointer));
}

TEST(PortsText, table_has_a_row_per_rule) {
  const auto table = ports_table(good_site(), false, false);
  EXPECT_THAT(table, HasSubstr("5432/tcp"));
  EXPECT_THAT(table, HasSubstr("7401/udp"));
  EXPECT_THAT(table, HasSubstr("icmp echo"));
  EXPECT_THAT(table, Not(HasSubstr("database.postgres.manager")));
  EXPECT_THAT(ports_table(good_site(), true, false), HasSubstr("database.postgres.manager"));
}

TEST(PortsText, json_says_rules_and_what_each_host_opens) {
  const auto value = boost::json::parse(ports_json(good_site()));
  EXPECT_EQ(text(value, "/api_version"), "\"v1\"");
  EXPECT_EQ(text(value, "/rules/0/to"), "\"balancer\"");
  EXPECT_EQ(text(value, "/hosts/2/host"), "\"db1\"");
  EXPECT_EQ(text(value, "/hosts/2/open/0/port"), "22");
  EXPECT_EQ(text(value, "/hosts/2/open/0/sources"), "null");
}

TEST(PortsText, aws_rules_name_groups_and_open_nothing_to_the_world) {
  const auto template_text = ports_aws(good_site());
  const auto value = boost::json::parse(template_text);
  EXPECT_EQ(text(value, "/Resources/DatabasePostgresManager/Properties/SourceSecurityGroupId/Fn::GetAtt/0"),
            "\"ManagerGroup\"");
  EXPECT_EQ(text(value, "/Resources/BalancerHttpsUsers/Properties/CidrIp/Ref"), "\"UsersCidr\"");
  EXPECT_EQ(text(value, "/Resources/ManagerEchoDatabaseV6/Properties/FromPort"), "128");
  EXPECT_EQ(text(value, "/Metadata/GroupsOfHosts/ccm1"), R"(["HostGroup","ManagerGroup","VoterGroup"])");
  EXPECT_THAT(template_text, Not(HasSubstr("0.0.0.0/0")));
}

TEST(PortsText, an_external_database_is_a_row_and_no_group_of_ours) {
  const auto site = *site::parse_site(site::test::external_site(), "site.toml").site;
  const auto table = ports_table(site, true, false);
  EXPECT_THAT(table, HasSubstr("external.postgres.manager"));
  EXPECT_THAT(table, HasSubstr("5433/tcp"));
  EXPECT_THAT(ports_aws(site), Not(HasSubstr("External")));
  EXPECT_THAT(ports_openstack(site), Not(HasSubstr("external")));
}

TEST(PortsText, openstack_rules_are_for_both_families_between_hosts) {
  const auto value = boost::json::parse(ports_openstack(good_site()));
  EXPECT_EQ(text(value, "/resources/voter_etcd_peer_voter/properties/remote_group/get_resource"), "\"voter_group\"");
  EXPECT_EQ(text(value, "/resources/voter_etcd_peer_voter_v6/properties/ethertype"), "\"IPv6\"");
  EXPECT_EQ(text(value, "/resources/host_ssh_operators/properties/remote_ip_prefix/get_param"), "\"operators_cidr\"");
}

}  // namespace
}  // namespace gemel::cli
