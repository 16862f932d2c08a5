#include "site/firewall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "site/test_sites.h"

namespace gemel::site {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Site site_of(const std::string& text) {
  auto parsed = parse_site(text, "site.toml");
  EXPECT_TRUE(parsed.site);
  return parsed.site.value_or(Site{});
}

const Host& host_of(const Site& site, const std::string& name) {
  return *std::ranges::find(site.hosts, name, &Host::name);
}

TEST(Firewall, nftables_guards_inner_ports_and_no_other) {
  const auto site = site_of(test::good_site());
  const auto db = nftables_rules(site, host_of(site, "db1")).text;
  EXPECT_THAT(db, HasSubstr("tcp dport 5432 ip saddr { 10.77.0.100, 10.77.0.11, 10.77.0.12, 10.77.0.22 } accept"));
  EXPECT_THAT(db, HasSubstr("tcp dport 5432 ip6 saddr { fd77::100, fd77::11, fd77::12, fd77::22 } accept"));
  EXPECT_THAT(db, HasSubstr("udp dport 7401 drop"));
  EXPECT_THAT(db, HasSubstr("policy accept"));
  EXPECT_THAT(db, Not(HasSubstr("dport 22")));
  EXPECT_THAT(nftables_rules(site, host_of(site, "lb1")).text, Not(HasSubstr("dport 443 ")));
}

TEST(Firewall, users_come_to_the_manager_itself_where_there_is_no_balancer) {
  auto site = site_of(test::standalone_site());
  const auto manager = [&] { return nftables_rules(site, host_of(site, "ccm1")).text; };
  EXPECT_THAT(manager(), Not(HasSubstr("dport 443 ")));
  EXPECT_THAT(nftables_rules(site, host_of(site, "db1")).text,
              HasSubstr("tcp dport 5432 ip saddr { 10.77.0.11 } accept"));
  site.is_direct = false;
  EXPECT_THAT(manager(), HasSubstr("dport 443 drop")) << "a balancer that is nowhere is the only one let in";
}

TEST(Firewall, the_version_follows_the_rules) {
  const auto site = site_of(test::good_site());
  auto grown = site;
  grown.hosts[0].address = "10.77.0.13";
  const auto& host = host_of(site, "db1");
  EXPECT_EQ(nftables_rules(site, host).version, nftables_rules(site, host).version);
  EXPECT_NE(nftables_rules(site, host).version, nftables_rules(grown, host).version);
  EXPECT_THAT(nftables_rules(site, host).text, HasSubstr("chain " + nftables_rules(site, host).version + " {"));
}

TEST(Firewall, firewalld_gets_what_is_missing_and_loses_what_is_not_in_the_matrix) {
  const auto site = site_of(test::good_site());
  const auto& host = host_of(site, "lb1");
  auto present = firewalld_rules(site, host);
  EXPECT_THAT(present, Contains(R"(rule port port="443" protocol="tcp" accept)"));
  EXPECT_TRUE(firewalld_change(site, host, present).is_empty());
  const std::string old = R"(rule family="ipv4" source address="10.77.0.99" port port="7400" protocol="tcp" accept)";
  const auto lacking = present.back();
  present.back() = old;
  present.emplace_back(R"(rule port port="8080" protocol="tcp" accept)");
  const auto change = firewalld_change(site, host, present);
  EXPECT_THAT(change.add, ElementsAre(lacking));
  EXPECT_THAT(change.remove, ElementsAre(old));
}

}  // namespace
}  // namespace gemel::site
