#include "cloud/neutron.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>
#include <set>

#include "base/text.h"
#include "cloud/metadata.h"
#include "cloud/sigv4.h"
#include "site/network_address.h"

namespace gemel::cloud {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_word = 300;

std::optional<json::object> parse_object(const std::string& body) {
  boost::system::error_code error;
  auto document = json::parse(body, error);
  if (error || !document.is_object()) return std::nullopt;
  return std::move(document.as_object());
}

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

const json::object* object_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

/// The objects of a list; what is none is passed over.
std::vector<const json::object*> objects_of(const json::object& object, std::string_view name) {
  std::vector<const json::object*> found;
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_array()) return found;
  for (const auto& item : value->as_array())
    if (item.is_object()) found.push_back(&item.as_object());
  return found;
}

runtime::HttpRequest with_token(std::string method, std::string target, const std::string& token) {
  runtime::HttpRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers["x-auth-token"] = token;
  request.headers["accept"] = "application/json";
  return request;
}

std::string without_version(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  if (url.ends_with("/v2.0")) url.resize(url.size() - 5);
  return url;
}

/// The Networking API in the catalogue.
Result<std::string> network_url(const json::object& token, const CatalogChoice& choice) {
  std::set<std::string> others;
  for (const auto* service : objects_of(token, "catalog")) {
    if (text_of(*service, "type") != "network") continue;
    for (const auto* endpoint : objects_of(*service, "endpoints")) {
      const auto region =
          text_of(*endpoint, "region_id").empty() ? text_of(*endpoint, "region") : text_of(*endpoint, "region_id");
      const auto interface = text_of(*endpoint, "interface");
      if (interface == choice.interface && (choice.region.empty() || choice.region == region))
        return without_version(text_of(*endpoint, "url"));
      others.insert(fmt::format("{} in {}", interface, region));
    }
  }
  return fail(ErrorCode::not_found,
              fmt::format("Keystone's catalogue has no network service \"{}\" in region \"{}\"; it has: {}. Correct "
                          "\"interface\" or \"region\" in [openstack]",
                          choice.interface, choice.region, join({others.begin(), others.end()}, ", ")));
}

bool is_same_address(const std::string& left, const std::string& right) {
  const auto address = site::parse_address(left);
  return address && address == site::parse_address(right);
}

}  // namespace

runtime::HttpRequest token_request(const std::string& credential_id, const std::string& secret) {
  const json::value body{{"auth",
                          {{"identity",
                            {{"methods", json::array{"application_credential"}},
                             {"application_credential", {{"id", credential_id}, {"secret", secret}}}}}}}};
  runtime::HttpRequest request;
  request.method = "POST";
  request.target = "/auth/tokens";
  request.headers["content-type"] = "application/json";
  request.headers["accept"] = "application/json";
  request.body = json::serialize(body);
  return request;
}

Result<CloudToken> read_token(const runtime::HttpResponse& answer, const CatalogChoice& choice) {
  const auto header = answer.headers.find("x-subject-token");
  const auto document = parse_object(answer.body);
  const auto* token = document ? object_of(*document, "token") : nullptr;
  if (header == answer.headers.end() || header->second.empty() || token == nullptr)
    return fail(ErrorCode::corrupt, "Keystone's answer holds no token");
  auto url = network_url(*token, choice);
  if (!url) return std::unexpected(url.error());
  return CloudToken{header->second, read_time(text_of(*token, "expires_at")), *std::move(url)};
}

std::string token_note(const CloudToken& token, const std::string& credential_id) {
  return json::serialize(json::value{{"credential", credential_id},
                                     {"token", token.token},
                                     {"expires_ms", token.expires.count()},
                                     {"network_url", token.network_url}});
}

CloudToken read_token_note(const std::string& note, const std::string& credential_id) {
  const auto document = parse_object(note);
  if (!document || text_of(*document, "credential") != credential_id) return {};
  const auto* expires = document->if_contains("expires_ms");
  if (expires == nullptr || !expires->is_int64()) return {};
  return {text_of(*document, "token"), std::chrono::milliseconds(expires->as_int64()),
          text_of(*document, "network_url")};
}

runtime::HttpRequest ports_request(const std::string& token, const std::string& mac, const std::string& host_address) {
  return with_token("GET",
                    fmt::format("/v2.0/ports?mac_address={}&fixed_ips={}", percent_encoded(mac),
                                percent_encoded("ip_address=" + host_address)),
                    token);
}

runtime::HttpRequest floating_ip_request(const std::string& token, const std::string& id) {
  return with_token("GET", "/v2.0/floatingips/" + percent_encoded(id), token);
}

runtime::HttpRequest move_floating_ip_request(const std::string& token, const std::string& id,
                                              const std::string& port_id, const std::string& address) {
  auto request = with_token("PUT", "/v2.0/floatingips/" + percent_encoded(id), token);
  request.headers["content-type"] = "application/json";
  request.body = json::serialize(json::value{{"floatingip", {{"port_id", port_id}, {"fixed_ip_address", address}}}});
  return request;
}

Result<std::vector<Port>> read_ports(const std::string& body) {
  const auto document = parse_object(body);
  if (!document || !document->contains("ports"))
    return fail(ErrorCode::corrupt, "Neutron's answer holds no list of ports");
  std::vector<Port> ports;
  for (const auto* entry : objects_of(*document, "ports")) {
    Port port;
    port.id = text_of(*entry, "id");
    port.mac = text_of(*entry, "mac_address");
    const auto* guard = entry->if_contains("port_security_enabled");
    port.is_guarded = guard == nullptr || !guard->is_bool() || guard->as_bool();
    for (const auto* fixed : objects_of(*entry, "fixed_ips")) port.fixed.push_back(text_of(*fixed, "ip_address"));
    for (const auto* pair : objects_of(*entry, "allowed_address_pairs")) {
      const auto mac = text_of(*pair, "mac_address");
      // A pair for another MAC is for packets that we do not send.
      if (mac.empty() || mac == port.mac) port.allowed.push_back(text_of(*pair, "ip_address"));
    }
    ports.push_back(std::move(port));
  }
  return ports;
}

bool has_fixed(const Port& port, const std::string& address) {
  return std::ranges::any_of(port.fixed, [&](const auto& fixed) { return is_same_address(fixed, address); });
}

bool lets_through(const Port& port, const std::string& address) {
  if (!port.is_guarded || has_fixed(port, address)) return true;
  const auto wanted = site::parse_address(address);
  return std::ranges::any_of(port.allowed, [&](const std::string& allowed) {
    const auto subnet = site::parse_subnet(allowed);
    return is_same_address(allowed, address) || (subnet && wanted && masked(*subnet).contains(*wanted));
  });
}

Result<FloatingIp> read_floating_ip(const std::string& body) {
  const auto document = parse_object(body);
  const auto* found = document ? object_of(*document, "floatingip") : nullptr;
  if (found == nullptr) return fail(ErrorCode::corrupt, "Neutron's answer holds no floating IP");
  return FloatingIp{text_of(*found, "port_id"), text_of(*found, "fixed_ip_address")};
}

std::string read_complaint(const std::string& body) {
  const auto document = parse_object(body);
  if (!document) return {};
  for (const auto* name : {"NeutronError", "error"}) {
    if (const auto* error = object_of(*document, name)) return text_of(*error, "message").substr(0, longest_word);
    if (auto text = text_of(*document, name); !text.empty()) return text.substr(0, longest_word);
  }
  return text_of(*document, "message").substr(0, longest_word);
}

}  // namespace gemel::cloud
