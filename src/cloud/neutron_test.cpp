// Requests to Keystone and Neutron and their answers, in the forms that the OpenStack API reference shows.
#include "cloud/neutron.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gemel::cloud {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

runtime::HttpResponse token_answer() {
  return {201,
          {{"x-subject-token", "gAAAA"}},
          R"({"token":{"methods":["application_credential"],"expires_at":"2026-11-23T20:00:00.000000Z","catalog":[
              {"type":"identity","endpoints":[{"interface":"public","region":"one","url":"https://keystone/v3"}]},
              {"type":"network","endpoints":[
                {"interface":"internal","region":"one","region_id":"one","url":"https://neutron.one.internal:9696"},
                {"interface":"public","region":"one","region_id":"one","url":"https://neutron.one:9696/v2.0/"},
                {"interface":"public","region":"two","region_id":"two","url":"https://neutron.two:9696"}]}]}})"};
}

TEST(Keystone, a_credential_is_exchanged_for_a_token) {
  const auto request = token_request("c1", "it's \"secret\"");
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/auth/tokens");
  EXPECT_EQ(request.body, R"({"auth":{"identity":{"methods":["application_credential"],"application_credential":)"
                          R"({"id":"c1","secret":"it's \"secret\""}}}})");
}

TEST(Keystone, the_catalogue_says_where_the_network_service_is) {
  const auto first = read_token(token_answer(), {"public", ""});
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_EQ(first->token, "gAAAA");
  EXPECT_EQ(first->expires, std::chrono::seconds(1'795'464'000));
  EXPECT_EQ(first->network_url, "https://neutron.one:9696");
  EXPECT_EQ(read_token(token_answer(), {"public", "two"})->network_url, "https://neutron.two:9696");
  EXPECT_EQ(read_token(token_answer(), {"internal", ""})->network_url, "https://neutron.one.internal:9696");
  const auto none = read_token(token_answer(), {"internal", "two"});
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_THAT(none.error().message, HasSubstr("internal in one, public in one, public in two"));
  EXPECT_EQ(read_token({201, {}, token_answer().body}, {"public", ""}).error().code, ErrorCode::corrupt);
  EXPECT_EQ(read_token({201, {{"x-subject-token", "t"}}, "[]"}, {"public", ""}).error().code, ErrorCode::corrupt);
}

TEST(Keystone, a_token_is_kept_for_the_credential_it_was_given_to) {
  const CloudToken token{"gAAAA", std::chrono::milliseconds(1'795'464'000'123), "https://neutron"};
  const auto again = read_token_note(token_note(token, "c1"), "c1");
  EXPECT_EQ(again.token, token.token);
  EXPECT_EQ(again.expires, token.expires);
  EXPECT_EQ(again.network_url, token.network_url);
  EXPECT_EQ(read_token_note(token_note(token, "c1"), "c2").token, "");
  for (const auto* note : {"", "{}", "x", R"({"credential":"c1","token":"t","expires_ms":"soon"})"})
    EXPECT_EQ(read_token_note(note, "c1").token, "") << note;
}

TEST(Neutron, asks_for_the_port_of_one_interface) {
  const auto request = ports_request("t", "fa:16:3e:00:00:01", "10.0.0.21");
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/v2.0/ports?mac_address=fa%3A16%3A3e%3A00%3A00%3A01&fixed_ips=ip_address%3D10.0.0.21");
  EXPECT_EQ(request.headers.at("x-auth-token"), "t");
  const auto move = move_floating_ip_request("t", "f1", "p1", "10.0.0.9");
  EXPECT_EQ(move.method, "PUT");
  EXPECT_EQ(move.target, "/v2.0/floatingips/f1");
  EXPECT_EQ(move.body, R"({"floatingip":{"port_id":"p1","fixed_ip_address":"10.0.0.9"}})");
}

TEST(Neutron, a_port_lets_through_what_is_its_own_or_allowed) {
  const auto ports = read_ports(
      R"({"ports":[{"id":"p1","mac_address":"m1","port_security_enabled":true,
          "fixed_ips":[{"ip_address":"10.0.0.21","subnet_id":"s"}],
          "allowed_address_pairs":[{"ip_address":"10.0.0.9","mac_address":"m1"},
                                   {"ip_address":"10.1.0.0/24","mac_address":"m1"},
                                   {"ip_address":"10.2.0.9","mac_address":"m2"},
                                   {"ip_address":"fd00::0009","mac_address":"m1"}]}]})");
  ASSERT_TRUE(ports) << ports.error().to_string();
  ASSERT_EQ(ports->size(), 1U);
  const auto& port = ports->front();
  EXPECT_THAT(port.fixed, ElementsAre("10.0.0.21"));
  for (const auto* good : {"10.0.0.21", "10.0.0.9", "10.1.0.77", "fd00::9"})
    EXPECT_TRUE(lets_through(port, good)) << good;
  for (const auto* bad : {"10.0.0.90", "10.2.0.9", "fd00::8"}) EXPECT_FALSE(lets_through(port, bad)) << bad;
  EXPECT_FALSE(has_fixed(port, "10.0.0.9"));
  auto open = port;
  open.is_guarded = false;
  EXPECT_TRUE(lets_through(open, "10.2.0.9"));
  EXPECT_EQ(read_ports("{}").error().code, ErrorCode::corrupt);
  EXPECT_TRUE(read_ports(R"({"ports":[]})")->empty());
}

TEST(Neutron, a_floating_ip_may_lead_nowhere) {
  const auto free = read_floating_ip(R"({"floatingip":{"id":"f1","port_id":null,"fixed_ip_address":null}})");
  ASSERT_TRUE(free);
  EXPECT_EQ(free->port_id, "");
  const auto used = read_floating_ip(R"({"floatingip":{"id":"f1","port_id":"p1","fixed_ip_address":"10.0.0.9"}})");
  EXPECT_EQ(used->port_id, "p1");
  EXPECT_EQ(used->fixed_address, "10.0.0.9");
  EXPECT_EQ(read_floating_ip("[]").error().code, ErrorCode::corrupt);
}

TEST(Neutron, complaints_of_both_services_are_read) {
  EXPECT_EQ(read_complaint(R"({"NeutronError":{"type":"PolicyNotAuthorized","message":"not allowed","detail":""}})"),
            "not allowed");
  EXPECT_EQ(read_complaint(R"({"error":{"code":401,"message":"who are you","title":"Unauthorized"}})"), "who are you");
  EXPECT_EQ(read_complaint("<html>"), "");
}

}  // namespace
}  // namespace gemel::cloud
