#include "site/ports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "site/test_sites.h"

namespace gemel::site {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

Site site_of(const std::string& text) {
  auto parsed = parse_site(text, "site.toml");
  EXPECT_TRUE(parsed.site);
  return parsed.site.value_or(Site{});
}

const Host& host_of(const Site& site, const std::string& name) {
  return *std::ranges::find(site.hosts, name, &Host::name);
}

std::vector<std::string> ports_of(const Site& site, const std::string& name) {
  std::vector<std::string> texts;
  for (const auto& open : open_ports(site, host_of(site, name)))
    texts.push_back(std::string(to_string(open.protocol)) + std::to_string(open.port));
  return texts;
}

TEST(Ports, every_rule_has_its_own_id_and_a_reason) {
  const auto site = site_of(test::good_site());
  std::set<std::string> ids;
  for (const auto& rule : port_rules(site)) {
    EXPECT_TRUE(ids.insert(rule.id).second) << rule.id;
    EXPECT_FALSE(rule.why.empty()) << rule.id;
    EXPECT_TRUE(is_inside(rule.to)) << rule.id;
    EXPECT_EQ(rule.port == 0, rule.protocol == Protocol::icmp) << rule.id;
  }
}

TEST(Ports, a_host_opens_what_its_concepts_need_and_no_more) {
  const auto site = site_of(test::good_site());
  EXPECT_THAT(ports_of(site, "db1"), ElementsAre("tcp22", "tcp5432", "tcp7400", "udp7401"));
  EXPECT_THAT(ports_of(site, "ccm1"),
              ElementsAre("tcp22", "tcp443", "tcp2379", "tcp2380", "tcp7400", "tcp8443", "icmp0"));
  EXPECT_THAT(ports_of(site, "lb1"),
              ElementsAre("tcp22", "tcp443", "tcp2379", "tcp2380", "tcp7400", "tcp8443", "tcp9000", "icmp0"));
}

TEST(Ports, the_database_is_for_managers_and_databases_with_the_floating_addresses) {
  const auto site = site_of(test::good_site());
  const auto open = open_ports(site, host_of(site, "db1"));
  const auto postgres = std::ranges::find(open, 5432, &OpenPort::port);
  EXPECT_FALSE(postgres->is_for_everyone);
  EXPECT_THAT(postgres->sources, ElementsAre("10.77.0.100", "10.77.0.11", "10.77.0.12", "10.77.0.22", "fd77::100",
                                             "fd77::11", "fd77::12", "fd77::22"));
}

TEST(Ports, the_balancer_is_for_everyone_and_the_managers_behind_it_are_not) {
  const auto site = site_of(test::good_site());
  const auto front = open_ports(site, host_of(site, "lb1"));
  EXPECT_TRUE(std::ranges::find(front, 443, &OpenPort::port)->is_for_everyone);
  const auto behind = open_ports(site, host_of(site, "ccm1"));
  EXPECT_THAT(std::ranges::find(behind, 443, &OpenPort::port)->sources, ElementsAre("10.77.0.31", "fd77::31"));
}

TEST(Ports, a_host_reaches_what_lets_it_in_in_its_own_address_family) {
  const auto site = site_of(test::good_site());
  const auto used = used_endpoints(site, host_of(site, "ccm1"));
  EXPECT_THAT(used, Contains(Endpoint{"10.77.0.21", 5432}));
  EXPECT_THAT(used, Contains(Endpoint{"fd77::31", 2379}));
  EXPECT_THAT(used, Not(Contains(Endpoint{"10.77.0.11", 2379}))) << "its own";
  EXPECT_THAT(used_endpoints(site, host_of(site, "lb1")), Not(Contains(Endpoint{"10.77.0.21", 5432})));
}

TEST(Ports, a_compact_host_opens_the_managers_own_ports_to_the_other_balancers) {
  const auto site = site_of(test::compact_site());
  const auto open = open_ports(site, host_of(site, "one"));
  EXPECT_TRUE(std::ranges::find(open, 443, &OpenPort::port)->is_for_everyone);
  EXPECT_FALSE(std::ranges::find(open, 10443, &OpenPort::port)->is_for_everyone);
  EXPECT_THAT(std::ranges::find(open, 10443, &OpenPort::port)->sources, Not(Contains("10.77.0.1")));
}

TEST(Ports, other_numbers_in_the_site_file_are_the_matrix_numbers) {
  const auto site = site_of(test::good_site() + "\n[ports]\npostgres = 6543\n");
  EXPECT_THAT(ports_of(site, "db2"), Contains("tcp6543"));
  EXPECT_THAT(ports_of(site, "db2"), Not(Contains("tcp5432")));
}

TEST(Ports, without_service_targets_nobody_is_asked_for_an_echo) {
  auto site = site_of(test::good_site());
  site.service_targets.clear();
  for (const auto& rule : port_rules(site)) EXPECT_NE(rule.protocol, Protocol::icmp);
  EXPECT_THAT(site.service_targets, IsEmpty());
}

}  // namespace
}  // namespace gemel::site
