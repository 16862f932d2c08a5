// How a site file says who moves the floating address: what is taken from it, and where each mistake is shown.
#include "site/address_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/ports.h"
#include "site/site.h"
#include "site/test_sites.h"
#include "site/web_url.h"

namespace gemel::site {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* vips = "vip = \"10.77.0.100\"\nvip6 = \"fd77::100\"\n";

std::string replaced(std::string text, const std::string& old_part, const std::string& new_part) {
  const auto at = text.find(old_part);
  EXPECT_NE(at, std::string::npos) << old_part;
  return text.replace(at, old_part.size(), new_part);
}

/// The good site with `network` in the place of its floating addresses, and `sections` at its end.
SiteOrMistakes with(const std::string& network, const std::string& sections = "") {
  return parse_site(replaced(test::good_site(), vips, network) + "\n" + sections, "site.toml");
}

Site sound(const SiteOrMistakes& outcome) {
  for (const auto& mistake : outcome.mistakes) ADD_FAILURE() << to_string(mistake);
  return outcome.site.value_or(Site{});
}

/// Line 8 is the first of `network`.
void expect_mistake(const SiteOrMistakes& outcome, unsigned line, MistakeCode code, const std::string& says) {
  EXPECT_FALSE(outcome.site);
  ASSERT_EQ(outcome.mistakes.size(), 1U) << says;
  EXPECT_EQ(outcome.mistakes[0].code, code) << to_string(outcome.mistakes[0]);
  EXPECT_EQ(outcome.mistakes[0].line, line) << to_string(outcome.mistakes[0]);
  EXPECT_GT(outcome.mistakes[0].column, 0U);
  EXPECT_THAT(outcome.mistakes[0].text, HasSubstr(says));
}

HostConfig config_of(const Site& site, const std::string& name) {
  for (const auto& host : site.hosts)
    if (host.name == name) return host_config(site, "id", host);
  return {};
}

TEST(AddressProvider, is_announcements_unless_the_file_says_otherwise) {
  const auto site = sound(with(vips));
  EXPECT_EQ(site.address.provider, AddressProvider::layer2);
  EXPECT_THAT(site.address.program().string(), IsEmpty());
  EXPECT_EQ(sound(with(std::string(vips) + "address_provider = \"layer2\"\n")).address, site.address);
}

TEST(AddressProvider, is_the_operators_program_where_there_is_one) {
  const auto old_file = sound(with(std::string(vips) + "address_command = \"/sbin/move\"\n"));
  EXPECT_EQ(old_file.address.program(), "/sbin/move");
  EXPECT_EQ(config_of(old_file, "db1").address.program(), "/sbin/move");
  const std::string both = "address_provider = \"command\"\naddress_command = \"/sbin/move\"\n";
  EXPECT_EQ(sound(with(vips + both)).address, old_file.address);
  expect_mistake(with(std::string(vips) + "address_command = \"move\"\n"), 10, MistakeCode::bad_name, "absolute path");
  expect_mistake(with(std::string(vips) + "address_provider = \"command\"\n"), 10, MistakeCode::missing_key,
                 "needs \"address_command\"");
  const auto none = with("address_command = \"/sbin/move\"\n");
  ASSERT_EQ(none.mistakes.size(), 2U);
  EXPECT_THAT(none.mistakes[1].text, HasSubstr("there is none: give \"vip\""));
}

TEST(AddressProvider, a_misspelt_one_and_what_nobody_would_read_are_shown_with_a_way_out) {
  expect_mistake(with(std::string(vips) + "address_provider = \"asw\"\n"), 10, MistakeCode::out_of_range,
                 "Known: layer2, command, aws, openstack");
  expect_mistake(with("vip = \"10.77.0.100\"\naddress_provider = \"aws\"\naddress_command = \"/sbin/move\"\n"), 10,
                 MistakeCode::unknown_key, "remove one of the two");
  const auto unused = with(vips, "[aws]\nregion = \"eu-central-1\"\n");
  ASSERT_EQ(unused.mistakes.size(), 1U);
  EXPECT_THAT(unused.mistakes[0].text, HasSubstr("[aws] has no effect: give \"address_provider\" = \"aws\""));
}

TEST(AddressProvider, aws_needs_no_key_at_all_and_takes_those_of_its_section) {
  const std::string network = "vip = \"10.77.0.100\"\naddress_provider = \"aws\"\n";
  const auto plain = sound(with(network));
  EXPECT_EQ(plain.address.program(), address_program);
  EXPECT_EQ(plain.address.aws, AwsSettings{});
  const auto site = sound(with(network, "[aws]\nregion = \"eu-central-1\"\nendpoint = \"https://ec2.internal\"\n"));
  EXPECT_EQ(site.address.aws.region, "eu-central-1");
  const auto bad =
      with(network,
           "[aws]\nregion = \"eu central\"\nelastic_ip = \"203.0.113.7\"\nendpoint = \"http://ec2.internal\"\n"
           "route_tables = [\"main\"]\nmetadata = \"https://x\"\nca = \"own.pem\"\ncolour = 1\n");
  EXPECT_EQ(bad.mistakes.size(), 7U);
  expect_mistake(with(std::string(vips) + "address_provider = \"aws\"\n"), 9, MistakeCode::bad_address,
                 "does not move a secondary IPv6 address");
}

TEST(AddressProvider, a_routed_address_is_outside_of_the_sites_networks) {
  const std::string aws = "address_provider = \"aws\"\n";
  const std::string section = "[aws]\nroute_tables = [\"rtb-0a1b\", \"rtb-2c3d\"]\n";
  const auto site = sound(with("vip = \"192.0.2.9\"\nvip6 = \"fd99::9\"\n" + aws, section));
  EXPECT_TRUE(site.address.is_routed());
  EXPECT_EQ(site.vip, (FloatingAddress{"192.0.2.9", 32}));
  EXPECT_EQ(site.vip6, (FloatingAddress{"fd99::9", 128}));
  expect_mistake(with("vip = \"10.77.0.100\"\n" + aws, section), 8, MistakeCode::vip_not_usable,
                 "it must be outside of them");
  expect_mistake(with("vip = \"192.0.2.9\"\n" + aws), 8, MistakeCode::outside_network, "outside the networks");
  expect_mistake(with("vip = \"192.0.2.9\"\n" + aws, section + "elastic_ip = \"eipalloc-1\"\n"), 9,
                 MistakeCode::unknown_key, "leave one of the two out");
}

std::string translated_site(const std::string& network, const std::string& section) {
  auto text = replaced(test::good_site(), vips, network) + "\n" + section;
  text = replaced(text, "address = \"10.77.0.21\"\n", "address = \"10.77.0.21\"\nvip = \"10.77.0.121\"\n");
  return replaced(text, "address = \"10.77.0.22\"\n", "address = \"10.77.0.22\"\nvip = \"10.77.0.122\"\n");
}

TEST(AddressProvider, a_public_address_leads_to_an_address_of_each_database_host) {
  const std::string network =
      "vip = \"203.0.113.7\"\naddress_provider = \"aws\"\nclient_addresses = [\"198.51.100.11\"]\n";
  const std::string section = "[aws]\nelastic_ip = \"eipalloc-1\"\n";
  const auto site = sound(parse_site(translated_site(network, section), "site.toml"));
  EXPECT_EQ(config_of(site, "db1").vip, (FloatingAddress{"10.77.0.121", 24})) << "what its kernel and gate have";
  EXPECT_EQ(config_of(site, "db2").vip, (FloatingAddress{"10.77.0.122", 24}));
  EXPECT_EQ(config_of(site, "ccm1").database_address(), "203.0.113.7") << "what clients use";
  for (const auto& open : open_ports(site, site.hosts[2])) {
    EXPECT_EQ(std::ranges::count(open.sources, "198.51.100.11"), open.port == site.ports.postgres ? 1 : 0) << open.port;
  }
  const auto no_public = parse_site(translated_site("vip = \"203.0.113.7\"\naddress_provider = \"aws\"\n", ""), "s");
  ASSERT_EQ(no_public.mistakes.size(), 2U) << "one per host";
  EXPECT_THAT(no_public.mistakes[0].text, HasSubstr("\"elastic_ip\" in [aws]"));
  auto one_only = replaced(translated_site(network, section), "vip = \"10.77.0.122\"\n", "");
  const auto lacks = parse_site(one_only, "s");
  ASSERT_EQ(lacks.mistakes.size(), 1U);
  EXPECT_THAT(lacks.mistakes[0].text, HasSubstr("host \"db2\" lacks \"vip\""));
  const auto twice = parse_site(replaced(translated_site(network, section), "10.77.0.122", "10.77.0.21"), "s");
  ASSERT_EQ(twice.mistakes.size(), 1U);
  EXPECT_EQ(twice.mistakes[0].code, MistakeCode::duplicate_address);
}

TEST(AddressProvider, openstack_needs_to_know_where_and_who) {
  const std::string network = std::string(vips) + "address_provider = \"openstack\"\n";
  const std::string section =
      "[openstack]\nauth_url = \"https://keystone:5000/v3\"\napplication_credential_id = \"c1\"\n";
  const auto site = sound(with(network, section));
  EXPECT_EQ(site.address.openstack.auth_url, "https://keystone:5000/v3");
  EXPECT_EQ(site.address.openstack.secret_file, "/etc/openstack/gemel.secret");
  EXPECT_EQ(site.vip, (FloatingAddress{"10.77.0.100", 24}));
  const auto none = with(network);
  ASSERT_EQ(none.mistakes.size(), 1U);
  EXPECT_THAT(none.mistakes[0].text, HasSubstr("[openstack]"));
  const auto bad =
      with(network, "[openstack]\nauth_url = \"http://keystone:5000\"\ninterface = \"publc\"\nsecret_file = \"s\"\n");
  EXPECT_EQ(bad.mistakes.size(), 4U) << "the credential's id is missing too";
  const auto translated = with(network, section + "floating_ip = \"0a1b\"\n");
  ASSERT_EQ(translated.mistakes.size(), 1U);
  EXPECT_EQ(translated.mistakes[0].line, 10U);
  EXPECT_THAT(translated.mistakes[0].text, HasSubstr("a further fixed address of its port"));
}

TEST(WebUrl, is_a_service_and_nothing_else) {
  EXPECT_EQ(parse_web_url("https://keystone.example:5000/v3/"), (WebUrl{true, "keystone.example", 5000, "/v3"}));
  EXPECT_EQ(parse_web_url("http://[fd00:ec2::254]"), (WebUrl{false, "fd00:ec2::254", 80, ""}));
  EXPECT_EQ(parse_web_url("http://[fd00:ec2::254]")->host_header(), "[fd00:ec2::254]");
  EXPECT_EQ(parse_web_url("https://a:443")->host_header(), "a");
  EXPECT_EQ(parse_web_url("https://a:80")->host_header(), "a:80");
  EXPECT_TRUE(parse_web_url("http://127.0.0.1:80")->is_loopback());
  EXPECT_FALSE(parse_web_url("http://127.example.org")->is_loopback());
  for (const auto* text : {"", "ftp://a", "https://", "https://a b", "https://user@a", "https://a/?x=1", "https://a:0",
                           "https://a:70000", "https://[10.0.0.1]", "https://[::1", "https://a:80x", "https://a\n"}) {
    EXPECT_FALSE(parse_web_url(text)) << text;
  }
}

}  // namespace
}  // namespace gemel::site
