#include "cloud/ec2.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <optional>
#include <sstream>

#include "base/text.h"
#include "cloud/sigv4.h"

namespace gemel::cloud {
namespace {

namespace tree = boost::property_tree;

constexpr std::string_view version = "2016-11-15";
constexpr std::size_t longest_word = 300;  // of a message from outside

std::optional<tree::ptree> parse_xml(const std::string& body) {
  tree::ptree document;
  std::istringstream text(body);
  try {
    tree::read_xml(text, document, tree::xml_parser::trim_whitespace);
  } catch (const tree::xml_parser_error&) {
    return std::nullopt;
  }
  return document;
}

/// "10.0.0.9/32", and the name of the parameter for its family.
std::pair<std::string, std::string> destination(const std::string& address) {
  if (address.contains(':')) return {"DestinationIpv6CidrBlock", address + "/128"};
  return {"DestinationCidrBlock", address + "/32"};
}

/// The items of a list "…Set", wherever it stands below `node`.
template <typename Visit>
void each_item(const tree::ptree& node, const std::string& list, const Visit& visit) {
  for (const auto& [name, child] : node) {
    if (name == list) {
      for (const auto& [item, value] : child)
        if (item == "item") visit(value);
    } else {
      each_item(child, list, visit);
    }
  }
}

Ec2Call route(const std::string& action, const std::string& table, const std::string& address,
              const std::string& interface_id) {
  const auto [parameter, block] = destination(address);
  return {action, {{"RouteTableId", table}, {parameter, block}, {"NetworkInterfaceId", interface_id}}};
}

}  // namespace

Ec2Call assign_private_address(const std::string& interface_id, const std::string& address) {
  return {"AssignPrivateIpAddresses",
          {{"NetworkInterfaceId", interface_id}, {"PrivateIpAddress.1", address}, {"AllowReassignment", "true"}}};
}

Ec2Call associate_elastic_ip(const std::string& allocation, const std::string& interface_id,
                             const std::string& address) {
  return {"AssociateAddress",
          {{"AllocationId", allocation},
           {"NetworkInterfaceId", interface_id},
           {"PrivateIpAddress", address},
           {"AllowReassociation", "true"}}};
}

Ec2Call describe_elastic_ip(const std::string& allocation) {
  return {"DescribeAddresses", {{"AllocationId.1", allocation}}};
}

Ec2Call replace_route(const std::string& table, const std::string& address, const std::string& interface_id) {
  return route("ReplaceRoute", table, address, interface_id);
}

Ec2Call create_route(const std::string& table, const std::string& address, const std::string& interface_id) {
  return route("CreateRoute", table, address, interface_id);
}

Ec2Call describe_route_table(const std::string& table) { return {"DescribeRouteTables", {{"RouteTableId.1", table}}}; }

Ec2Call describe_source_check(const std::string& interface_id) {
  return {"DescribeNetworkInterfaceAttribute",
          {{"NetworkInterfaceId", interface_id}, {"Attribute", "sourceDestCheck"}}};
}

Ec2Call as_dry_run(Ec2Call call) {
  call.parameters["DryRun"] = "true";
  return call;
}

runtime::HttpRequest ec2_request(const Ec2Call& call) {
  std::string body = fmt::format("Action={}&Version={}", call.action, version);
  for (const auto& [name, value] : call.parameters)
    body += fmt::format("&{}={}", percent_encoded(name), percent_encoded(value));
  runtime::HttpRequest request;
  request.method = "POST";
  request.target = "/";
  request.headers["content-type"] = "application/x-www-form-urlencoded; charset=utf-8";
  request.body = std::move(body);
  return request;
}

Ec2Error read_ec2_error(const std::string& body) {
  const auto document = parse_xml(body);
  if (!document) return {};
  const auto error = document->get_child_optional("Response.Errors.Error");
  if (!error) return {};
  return {error->get<std::string>("Code", ""), error->get<std::string>("Message", "").substr(0, longest_word)};
}

Ec2Verdict judge(unsigned status, const Ec2Error& error) {
  static constexpr std::array<std::string_view, 4> renew{"ExpiredToken", "ExpiredTokenException", "RequestExpired",
                                                         "InvalidClientTokenId"};
  static constexpr std::array<std::string_view, 6> again{
      "RequestLimitExceeded", "Throttling", "Unavailable", "InternalError", "InternalFailure", "ServiceUnavailable"};
  static constexpr std::array<std::string_view, 5> denied{"UnauthorizedOperation", "AuthFailure", "AccessDenied",
                                                          "OptInRequired", "SignatureDoesNotMatch"};
  const auto is_among = [&](const auto& list) { return std::ranges::find(list, error.code) != list.end(); };
  if (is_among(renew)) return Ec2Verdict::renew;
  if (is_among(again) || error.code.starts_with("Throttling")) return Ec2Verdict::try_again;
  if (is_among(denied)) return Ec2Verdict::denied;
  if (error.code.empty() && (status == 401 || status == 403)) return Ec2Verdict::denied;
  return status >= 500 || status == 429 ? Ec2Verdict::try_again : Ec2Verdict::refused;
}

Error explain(const Ec2Call& call, unsigned status, const Ec2Error& error) {
  const auto said =
      error.code.empty() ? fmt::format("HTTP {}", status) : fmt::format("{}: {}", error.code, error.message);
  switch (judge(status, error)) {
    case Ec2Verdict::try_again:
      return {ErrorCode::unavailable, fmt::format("EC2 {}: {}", call.action, said), 0};
    case Ec2Verdict::renew:
      return {ErrorCode::denied,
              fmt::format("EC2 {}: {}; the keys were renewed and are refused all the same: set this host's clock, it "
                          "may be off by five minutes at most",
                          call.action, said),
              0};
    case Ec2Verdict::denied:
      if (error.code == "UnauthorizedOperation" || error.code == "AccessDenied") {
        return {ErrorCode::denied,
                fmt::format("the instance's role may not call ec2:{}: allow it in the role's policy "
                            "(docs/handbook/addresses.md); EC2 says {}",
                            call.action, said),
                0};
      }
      return {ErrorCode::denied, fmt::format("EC2 {}: {}", call.action, said), 0};
    case Ec2Verdict::refused:
      break;
  }
  const auto code = error.code == "InvalidRoute.NotFound" ? ErrorCode::not_found : ErrorCode::refused;
  return {code, fmt::format("EC2 {}: {}", call.action, said), 0};
}

Result<bool> leads_to(const std::string& body, const std::string& interface_id, const std::string& address) {
  const auto document = parse_xml(body);
  if (!document) return fail(ErrorCode::corrupt, "EC2 DescribeAddresses: the answer is no XML");
  bool is_so = false;
  each_item(*document, "addressesSet", [&](const tree::ptree& item) {
    is_so = is_so || (item.get<std::string>("networkInterfaceId", "") == interface_id &&
                      item.get<std::string>("privateIpAddress", "") == address);
  });
  return is_so;
}

Result<bool> routes_to(const std::string& body, const std::string& interface_id, const std::string& address) {
  const auto document = parse_xml(body);
  if (!document) return fail(ErrorCode::corrupt, "EC2 DescribeRouteTables: the answer is no XML");
  const auto block = destination(address).second;
  const auto* const field = address.contains(':') ? "destinationIpv6CidrBlock" : "destinationCidrBlock";
  bool is_so = false;
  each_item(*document, "routeSet", [&](const tree::ptree& item) {
    is_so = is_so || (item.get<std::string>(field, "") == block &&
                      item.get<std::string>("networkInterfaceId", "") == interface_id &&
                      item.get<std::string>("state", "") == "active");
  });
  return is_so;
}

Result<bool> checks_destination(const std::string& body) {
  const auto document = parse_xml(body);
  const auto value =
      document ? document->get_optional<std::string>("DescribeNetworkInterfaceAttributeResponse.sourceDestCheck.value")
               : boost::none;
  if (!value) return fail(ErrorCode::corrupt, "EC2 DescribeNetworkInterfaceAttribute: the answer is not understood");
  return *value == "true";
}

}  // namespace gemel::cloud
