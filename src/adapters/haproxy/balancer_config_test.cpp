#include "adapters/haproxy/balancer_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/haproxy/config_writer.h"
#include "adapters/haproxy/server_state.h"

namespace gemel::adapters::haproxy {
namespace {

using testing::HasSubstr;
using testing::Not;

BalancerConfig sample() {
  BalancerConfig config;
  config.dns_name = "mgmt.lab.test";
  config.statistics_password = "secret";
  config.managers = {{"ccm1", "10.77.0.11"}, {"ccm2", "fd77::12"}};
  return config;
}

TEST(Quote, leaves_harmless_words_and_quotes_the_rest) {
  EXPECT_EQ(quote("ipv6@[fd77::1]:443").value(), "ipv6@[fd77::1]:443");
  EXPECT_EQ(quote("HAProxy Statistics").value(), "'HAProxy Statistics'");
  EXPECT_EQ(quote("$HOME\"#\\").value(), "'$HOME\"#\\'");
  EXPECT_EQ(quote("it's").value(), "'it'\\''s'");
  EXPECT_EQ(quote("").value(), "''");
}

TEST(Quote, refuses_what_no_quotes_can_carry) {
  for (const std::string_view word :
       {std::string_view("a\nbind *:1"), std::string_view("a\0b", 3), std::string_view("\x7f")}) {
    EXPECT_EQ(quote(word).error().code, ErrorCode::invalid);
  }
}

TEST(BalancerConfig, says_what_the_mission_asks_for) {
  const auto text = render_haproxy(sample());
  ASSERT_TRUE(text) << text.error().to_string();
  for (const std::string line :
       {"bind *:443 ssl crt /etc/gemel/pki/mgmtserver.pem alpn h2,http/1.1\n",
        "cookie SVR insert preserve nocache httponly secure\n", "balance roundrobin\n",
        "server ccm1 ipv4@10.77.0.11:443 cookie ccm1 check check-sni ccm1 ssl verify required ca-file "
        "/etc/gemel/pki/web-ca.crt sni str(ccm1) verifyhost ccm1\n",
        "server ccm2 ipv6@[fd77::12]:443 ", "server ccm1 ipv4@10.77.0.11:8443 check\n", "stats uri /haproxy_stats\n",
        "stats realm 'HAProxy Statistics'\n", "stats auth admin:secret\n", "bind *:9000\n", "bind *:8443\n",
        "http-check expect status 200\n", "inter 200ms fall 2 rise 2 on-marked-down shutdown-sessions\n"}) {
    EXPECT_THAT(*text, HasSubstr(line));
  }
  EXPECT_THAT(*text, Not(HasSubstr("verify none")));
  EXPECT_THAT(*text, Not(HasSubstr("redirect scheme")));
}

TEST(BalancerConfig, redirects_only_when_asked_to) {
  auto config = sample();
  config.redirect = 80;
  EXPECT_THAT(render_haproxy(config).value(), HasSubstr("http-request redirect scheme https code 301\n"));
}

TEST(BalancerConfig, refuses_what_would_become_another_line_or_word) {
  const auto refused = [](auto change) {
    auto config = sample();
    change(config);
    const auto text = render_haproxy(config);
    return !text && text.error().code == ErrorCode::invalid;
  };
  EXPECT_TRUE(refused([](BalancerConfig& config) { config.managers.clear(); }));
  EXPECT_TRUE(refused([](BalancerConfig& config) { config.managers[0].name = "ccm1 disabled"; }));
  EXPECT_TRUE(refused([](BalancerConfig& config) { config.managers[0].address = "10.0.0.1:1"; }));
  EXPECT_TRUE(refused([](BalancerConfig& config) { config.dns_name = "a b"; }));
  EXPECT_TRUE(refused([](BalancerConfig& config) { config.bind_addresses = {"lb1"}; }));
  EXPECT_TRUE(refused([](BalancerConfig& config) { config.statistics_password = ""; }));
  EXPECT_TRUE(refused([](BalancerConfig& config) { config.statistics_password = "a\nglobal"; }));
  EXPECT_TRUE(refused([](BalancerConfig& config) { config.statistics_user = "a:b"; }));
  EXPECT_TRUE(refused([](BalancerConfig& config) { config.certificate = "/tmp/a\nb"; }));
}

TEST(ServerState, reads_the_table_by_its_column_names) {
  const auto states = parse_server_states(
      "# pxname,svname,scur,status,lastchg,check_status,last_chk\n"
      "https-in,FRONTEND,1,OPEN,,,\n"
      "managers,ccm1,3,UP,12,L7OK,\"HTTP status, \"\"200\"\"\"\n"
      "managers,ccm2,0,DOWN 1/2,4,L4CON,\n"
      "managers,ccm3,0,MAINT,4,,\n"
      "managers,ccm4,0,DRAIN,4,,\n"
      "managers,BACKEND,3,UP,12,,\n\n");
  ASSERT_TRUE(states);
  ASSERT_EQ(states->size(), 4U);
  EXPECT_EQ(states->at(0).condition, ServerCondition::up);
  EXPECT_EQ(states->at(0).sessions, 3U);
  EXPECT_EQ(states->at(0).check, "L7OK");
  EXPECT_EQ(states->at(0).seconds_in_status, 12U);
  EXPECT_EQ(states->at(1).condition, ServerCondition::down);
  EXPECT_EQ(states->at(2).condition, ServerCondition::maintenance);
  EXPECT_EQ(states->at(3).condition, ServerCondition::drain);
}

TEST(ServerState, refuses_what_is_no_table) {
  EXPECT_EQ(parse_server_states("").error().code, ErrorCode::corrupt);
  EXPECT_EQ(parse_server_states("Unknown command.\n").error().code, ErrorCode::corrupt);
  EXPECT_EQ(parse_server_states("# a,b,c\n1,2,3\n").error().code, ErrorCode::corrupt);
  EXPECT_TRUE(parse_server_states("# pxname,svname,scur,status,lastchg,check_status\nshort\n"));
}

}  // namespace
}  // namespace gemel::adapters::haproxy
