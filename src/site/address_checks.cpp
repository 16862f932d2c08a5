// What a site file says of how the floating address moves, against the rest of it.
#include <fmt/format.h>

#include <algorithm>

#include "site/site_checks.h"

namespace gemel::site {
namespace {

/// A public address of a cloud leads to an address of each database host.
void check_translation(TomlReader& reader, const Draft& draft) {
  const bool is_public = draft.address.provider == AddressProvider::aws ? !draft.address.aws.elastic_ip.empty()
                                                                        : !draft.address.openstack.floating_ip.empty();
  for (const auto& host : draft.hosts) {
    const auto* role = find_role(host.role.text);
    if (role == nullptr) continue;
    const bool is_database_only = role->concepts.database && !role->concepts.manager;
    if (!host.vip.is_present()) {
      if (is_database_only) {
        reader.mistake(MistakeCode::missing_key, host.position,
                       fmt::format("host \"{}\" lacks \"vip\": other database hosts have one, an address of their own "
                                   "that the floating address leads to.",
                                   host.name.text));
      }
    } else if (!is_database_only) {
      reader.mistake(MistakeCode::unknown_key, host.vip.position,
                     "\"vip\" of a host is for hosts that are a database and nothing else.");
    } else if (host.vip.text.contains(':')) {
      reader.mistake(
          MistakeCode::bad_address, host.vip.position,
          fmt::format("\"{}\" is an IPv6 address: a public IPv4 address leads to an IPv4 address.", host.vip.text));
    } else if (!is_public) {
      reader.mistake(MistakeCode::unknown_key, host.vip.position,
                     "\"vip\" of a host needs a public address that leads to it: \"elastic_ip\" in [aws] or "
                     "\"floating_ip\" in [openstack].");
    }
  }
  if (draft.vip6.is_present()) {
    reader.mistake(MistakeCode::bad_address, draft.vip6.position,
                   "\"vip6\" does not go together with \"vip\" of hosts: clouds translate IPv4 addresses only.");
  }
}

void check_client_addresses(TomlReader& reader, const Draft& draft) {
  for (const auto& client : draft.client_addresses) {
    if (parse_address(client.text)) continue;
    reader.mistake(MistakeCode::bad_address, client.position,
                   fmt::format("\"{}\" in \"client_addresses\" is no address: write it as 198.51.100.7.", client.text));
  }
}

}  // namespace

bool has_vip_of_hosts(const Draft& draft) {
  return std::ranges::any_of(draft.hosts, [](const DraftHost& host) { return host.vip.is_present(); });
}

void check_address_provider(TomlReader& reader, const Draft& draft) {
  check_client_addresses(reader, draft);
  const auto& address = draft.address;
  if (address.provider == AddressProvider::layer2) {
    if (has_vip_of_hosts(draft)) check_translation(reader, draft);
    return;
  }
  if (draft.address_position.line != 0 && !draft.vip.is_present() && !draft.vip6.is_present()) {
    reader.mistake(
        MistakeCode::missing_key, draft.address_position,
        fmt::format("the address provider \"{}\" moves the floating address, and there is none: give \"vip\" "
                    "or \"vip6\".",
                    to_string(address.provider)));
  }
  if (has_vip_of_hosts(draft)) check_translation(reader, draft);
  if (address.provider == AddressProvider::aws && draft.vip6.is_present() && !address.is_routed()) {
    reader.mistake(MistakeCode::bad_address, draft.vip6.position,
                   "AWS does not move a secondary IPv6 address in one step: leave \"vip6\" out, or give "
                   "\"route_tables\" in [aws].");
  }
  if (address.is_routed() && !address.aws.elastic_ip.empty()) {
    reader.mistake(
        MistakeCode::unknown_key, draft.address_position,
        "[aws] \"elastic_ip\" leads to an address of the interface, and with \"route_tables\" there is none: "
        "leave one of the two out.");
  }
  if (!address.openstack.floating_ip.empty() && !has_vip_of_hosts(draft)) {
    reader.mistake(
        MistakeCode::missing_key, draft.address_position,
        "[openstack] \"floating_ip\" leads to a fixed address of a port, and a floating address is none: give "
        "each database host \"vip\", a further fixed address of its port.");
  }
}

}  // namespace gemel::site
