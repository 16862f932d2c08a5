// The port matrix as templates for clouds: see ports_text.h. One group per concept; a host is a member of the groups of
// its concepts, which the template lists, so that a rule names a group and never an address.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cctype>
#include <vector>

#include "cli/ports_text.h"

namespace gemel::cli {
namespace {

namespace json = boost::json;
using site::Party;
using site::PortRule;
using site::Protocol;

constexpr std::array<Party, 5> groups{Party::host, Party::manager, Party::database, Party::balancer, Party::voter};
// RFC 792 and RFC 4443: the types of echo requests.
constexpr int echo_request = 8;
constexpr int echo_request_v6 = 128;

std::string capitalised(std::string_view text) {
  std::string word(text);
  if (!word.empty()) word[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(word[0])));
  return word;
}

/// "database.postgres.manager" -> "DatabasePostgresManager": CloudFormation's names are letters and digits only.
std::string logical_name(std::string_view id) {
  std::string name;
  bool is_start = true;
  for (const char letter : id) {
    if (std::isalnum(static_cast<unsigned char>(letter)) == 0) {
      is_start = true;
      continue;
    }
    name += is_start ? static_cast<char>(std::toupper(static_cast<unsigned char>(letter))) : letter;
    is_start = false;
  }
  return name;
}

/// Which groups each host gets.
json::object memberships(const site::Site& site, bool is_aws) {
  json::object hosts;
  for (const auto& host : site.hosts) {
    json::array names;
    for (const auto party : groups) {
      if (!belongs_to(host, party)) continue;
      names.emplace_back(is_aws ? capitalised(to_string(party)) + "Group" : fmt::format("{}_group", to_string(party)));
    }
    hosts[host.name] = std::move(names);
  }
  return hosts;
}

std::string group_text(const site::Site& site, Party party) {
  return fmt::format("Gemel site {}: {}", site.name, party == Party::host ? "every host" : to_string(party));
}

// ---- CloudFormation ----

struct AwsProtocol {
  std::string_view name;
  int from = 0;
  int to = 0;
};

std::vector<AwsProtocol> aws_protocols(const PortRule& rule) {
  // A rule for ICMP counts for one family only; -1 as the end is every code.
  if (rule.protocol == Protocol::icmp) return {{"icmp", echo_request, -1}, {"icmpv6", echo_request_v6, -1}};
  return {{to_string(rule.protocol), rule.port, rule.port}};
}

json::object aws_rule(const PortRule& rule, const AwsProtocol& protocol) {
  const auto group = [](Party party) {
    return json::object{{"Fn::GetAtt", json::array{capitalised(to_string(party)) + "Group", "GroupId"}}};
  };
  json::object properties{{"GroupId", group(rule.to)},
                          {"Description", fmt::format("{}: {}", rule.id, rule.why)},
                          {"IpProtocol", protocol.name},
                          {"FromPort", protocol.from},
                          {"ToPort", protocol.to}};
  if (is_inside(rule.from)) {
    properties["SourceSecurityGroupId"] = group(rule.from);
  } else {
    properties["CidrIp"] = json::object{{"Ref", capitalised(to_string(rule.from)) + "Cidr"}};
  }
  return {{"Type", "AWS::EC2::SecurityGroupIngress"}, {"Properties", properties}};
}

// ---- Heat ----

struct HeatProtocol {
  std::string_view name;
  std::string_view family;
  int from = 0;
  int to = 0;
};

std::vector<HeatProtocol> heat_protocols(const PortRule& rule) {
  // Neutron reads the two numbers of an ICMP rule as type and code.
  if (rule.protocol == Protocol::icmp)
    return {{"icmp", "IPv4", echo_request, 0}, {"icmpv6", "IPv6", echo_request_v6, 0}};
  const auto name = to_string(rule.protocol);
  if (!is_inside(rule.from)) return {{name, "IPv4", rule.port, rule.port}};
  return {{name, "IPv4", rule.port, rule.port}, {name, "IPv6", rule.port, rule.port}};
}

json::object heat_rule(const PortRule& rule, const HeatProtocol& protocol) {
  const auto group = [](Party party) {
    return json::object{{"get_resource", fmt::format("{}_group", to_string(party))}};
  };
  json::object properties{{"security_group", group(rule.to)}, {"description", fmt::format("{}: {}", rule.id, rule.why)},
                          {"direction", "ingress"},           {"ethertype", protocol.family},
                          {"protocol", protocol.name},        {"port_range_min", protocol.from},
                          {"port_range_max", protocol.to}};
  if (is_inside(rule.from)) {
    properties["remote_group"] = group(rule.from);
  } else {
    properties["remote_ip_prefix"] = json::object{{"get_param", fmt::format("{}_cidr", to_string(rule.from))}};
  }
  return {{"type", "OS::Neutron::SecurityGroupRule"}, {"properties", properties}};
}

}  // namespace

std::string ports_aws(const site::Site& site) {
  const json::object parameters{
      {"VpcId", {{"Type", "AWS::EC2::VPC::Id"}, {"Description", "The network of the hosts"}}},
      {"UsersCidr", {{"Type", "String"}, {"Description", "Where users and orchestrators come from"}}},
      {"OperatorsCidr", {{"Type", "String"}, {"Description", "Where the site's operators come from"}}}};
  json::object resources;
  for (const auto party : groups) {
    resources[capitalised(to_string(party)) + "Group"] =
        json::object{{"Type", "AWS::EC2::SecurityGroup"},
                     {"Properties", {{"GroupDescription", group_text(site, party)}, {"VpcId", {{"Ref", "VpcId"}}}}}};
  }
  for (const auto& rule : site::port_rules(site)) {
    if (!is_inside(rule.to)) continue;  // an external database's own group is its provider's
    for (const auto& protocol : aws_protocols(rule)) {
      const auto suffix = protocol.name == "icmpv6" ? "V6" : "";
      resources[logical_name(rule.id) + suffix] = aws_rule(rule, protocol);
    }
  }
  return json::serialize(json::object{{"AWSTemplateFormatVersion", "2010-09-09"},
                                      {"Description", fmt::format("Security groups of the Gemel site {}", site.name)},
                                      {"Metadata", {{"GroupsOfHosts", memberships(site, true)}}},
                                      {"Parameters", parameters},
                                      {"Resources", resources}});
}

std::string ports_openstack(const site::Site& site) {
  const json::object parameters{
      {"users_cidr", {{"type", "string"}, {"description", "Where users and orchestrators come from"}}},
      {"operators_cidr", {{"type", "string"}, {"description", "Where the site's operators come from"}}}};
  json::object resources;
  for (const auto party : groups) {
    resources[fmt::format("{}_group", to_string(party))] =
        json::object{{"type", "OS::Neutron::SecurityGroup"},
                     {"properties",
                      {{"name", fmt::format("gemel-{}-{}", site.name, to_string(party))},
                       {"description", group_text(site, party)}}}};
  }
  for (const auto& rule : site::port_rules(site)) {
    if (!is_inside(rule.to)) continue;  // an external database's own group is its provider's
    for (const auto& protocol : heat_protocols(rule)) {
      auto name = rule.id + (protocol.family == "IPv6" ? "_v6" : "");
      std::ranges::replace(name, '.', '_');
      resources[name] = heat_rule(rule, protocol);
    }
  }
  return json::serialize(json::object{
      {"heat_template_version", "2018-08-31"},
      {"description", fmt::format("Security groups of the Gemel site {}", site.name)},
      {"parameters", parameters},
      {"resources", resources},
      {"outputs",
       {{"groups_of_hosts", {{"description", "which groups each host gets"}, {"value", memberships(site, false)}}}}}});
}

}  // namespace gemel::cli
