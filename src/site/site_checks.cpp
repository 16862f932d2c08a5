// Checks of names, addresses and roles. Each notes every mistake it sees and goes on.
#include "site/site_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "base/text.h"

namespace gemel::site {
namespace {

constexpr std::size_t longest_label = 63;
constexpr std::size_t longest_site_name = 40;  // its authorities are named after it, in 64 letters
constexpr std::size_t longest_host_name = 63;
constexpr std::size_t longest_dns_name = 253;
constexpr std::size_t longest_interface = 15;   // IFNAMSIZ without its zero
constexpr std::size_t longest_identifier = 63;  // NAMEDATALEN without its zero
constexpr std::size_t fewest_voters = 3;
constexpr std::size_t most_service_targets = 16;

bool is_letter_or_digit(char letter) { return std::isalnum(static_cast<unsigned char>(letter)) != 0; }

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= longest_label && is_letter_or_digit(label.front()) &&
         is_letter_or_digit(label.back()) && std::all_of(label.begin(), label.end(), [](char letter) {
           return is_letter_or_digit(letter) || letter == '-';
         });
}

/// What needs no quoting in SQL, in a connection string or in a file of PostgreSQL.
bool is_identifier(const std::string& text) {
  const auto is_fine = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '_';
  };
  return !text.empty() && text.size() <= longest_identifier && !(text[0] >= '0' && text[0] <= '9') &&
         std::all_of(text.begin(), text.end(), is_fine);
}

bool is_interface(const std::string& text) {
  return !text.empty() && text.size() <= longest_interface && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [](char letter) {
           return is_letter_or_digit(letter) || std::string_view("-_.@").contains(letter);
         });
}

bool is_uuid(const std::string& text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash != (text[i] == '-') || (!is_dash && std::isxdigit(static_cast<unsigned char>(text[i])) == 0))
      return false;
  }
  return true;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

void check_host_names(TomlReader& reader, const Draft& draft) {
  static constexpr std::array<std::string_view, 3> reserved{"ca", "secrets", "localhost"};
  std::map<std::string, unsigned> lines;
  for (const auto& host : draft.hosts) {
    if (!host.name.is_present()) continue;
    const auto& name = host.name.text;
    if (!is_host_name(name)) {
      reader.mistake(
          MistakeCode::bad_name, host.name.position,
          fmt::format("\"{}\" is no host name: letters, digits and hyphens, at most 63 of them, beginning and "
                      "ending with a letter or digit (RFC 1123).",
                      name));
      continue;
    }
    if (std::find(reserved.begin(), reserved.end(), lower(name)) != reserved.end()) {
      reader.mistake(MistakeCode::bad_name, host.name.position,
                     fmt::format("the name \"{}\" is taken: choose another.", name));
      continue;
    }
    const auto [first, is_new] = lines.emplace(lower(name), host.name.position.line);
    if (!is_new) {
      reader.mistake(
          MistakeCode::duplicate_host, host.name.position,
          fmt::format("the host \"{}\" is already in line {}: every host has one [[host]] section and a name "
                      "of its own.",
                      name, first->second));
    }
  }
}

std::vector<Subnet> read_subnets(TomlReader& reader, const Draft& draft) {
  std::vector<Subnet> subnets;
  for (const auto& entry : draft.subnets) {
    const auto subnet = parse_subnet(entry.text);
    if (!subnet) {
      reader.mistake(MistakeCode::bad_address, entry.position,
                     fmt::format("\"{}\" is no network: write it as 10.0.0.0/24 or fd00::/64.", entry.text));
      continue;
    }
    const auto whole = masked(*subnet);
    if (whole.base != subnet->base) {
      reader.mistake(
          MistakeCode::bad_address, entry.position,
          fmt::format("\"{}\" is an address inside a network. Did you mean \"{}\"?", entry.text, to_string(whole)));
    }
    subnets.push_back(whole);
  }
  return subnets;
}

enum class Family : std::uint8_t { any, v6 };

std::optional<IpAddress> read_address(TomlReader& reader, const Located& value, Family family) {
  if (!value.is_present()) return std::nullopt;
  const auto address = parse_address(value.text);
  if (!address) {
    reader.mistake(
        MistakeCode::bad_address, value.position,
        fmt::format("\"{}\" is no IP address: write it without prefix length, as 10.0.0.11 or fd00::11.", value.text));
    return std::nullopt;
  }
  if (family == Family::v6 && !address->is_v6) {
    reader.mistake(
        MistakeCode::bad_address, value.position,
        fmt::format("\"{}\" is no IPv6 address: give an IPv4 address under the key without the 6.", value.text));
    return std::nullopt;
  }
  if (address->is_special()) {
    reader.mistake(
        MistakeCode::bad_address, value.position,
        fmt::format("\"{}\" cannot be reached by other hosts: give the host's address in the site's network.",
                    value.text));
    return std::nullopt;
  }
  return address;
}

/// The network of `address`; notes the mistake when there is none. No networks at all is a mistake of its own.
const Subnet* network_of(TomlReader& reader, const Located& value, const IpAddress& address,
                         const std::vector<Subnet>& subnets) {
  const auto found =
      std::find_if(subnets.begin(), subnets.end(), [&](const Subnet& net) { return net.contains(address); });
  if (found != subnets.end()) return &*found;
  if (!subnets.empty()) {
    std::vector<std::string> names;
    names.reserve(subnets.size());
    for (const auto& net : subnets) names.push_back(to_string(net));
    reader.mistake(
        MistakeCode::outside_network, value.position,
        fmt::format("{} is outside the networks of the site ({}): correct the address, or add its network to "
                    "\"subnets\".",
                    value.text, join(names, ", ")));
  }
  return nullptr;
}

struct Owner {
  std::string host;
  unsigned line = 0;
};
using Owners = std::map<IpAddress, Owner>;

/// True when `address` names a network or all of its hosts (noted).
bool is_unusable(TomlReader& reader, const Located& value, const IpAddress& address, const Subnet& net,
                 MistakeCode code) {
  const bool is_network = net.is_network_address(address);
  if (!is_network && !net.is_broadcast_address(address)) return false;
  reader.mistake(code, value.position,
                 fmt::format("{} is the {} address of {}: choose one inside it.", value.text,
                             is_network ? "network" : "broadcast", to_string(net)));
  return true;
}

void check_host_address(TomlReader& reader, const DraftHost& host, const Located& value, Family family,
                        const std::vector<Subnet>& subnets, Owners& owners) {
  const auto address = read_address(reader, value, family);
  if (!address) return;
  const auto [first, is_new] = owners.emplace(*address, Owner{host.name.text, value.position.line});
  if (!is_new) {
    reader.mistake(MistakeCode::duplicate_address, value.position,
                   fmt::format("{} already belongs to \"{}\" (line {}): give each host an address of its own.",
                               value.text, first->second.host, first->second.line));
    return;
  }
  const auto* net = network_of(reader, value, *address, subnets);
  if (net != nullptr) is_unusable(reader, value, *address, *net, MistakeCode::bad_address);
}

void check_vip(TomlReader& reader, const Located& value, Family family, const std::vector<Subnet>& subnets,
               const Owners& owners, bool is_outside) {
  const auto address = read_address(reader, value, family);
  if (!address) return;
  if (family == Family::any && address->is_v6) {
    reader.mistake(MistakeCode::bad_address, value.position,
                   fmt::format("\"{}\" is an IPv6 address: give it as \"vip6\".", value.text));
    return;
  }
  const auto owner = owners.find(*address);
  if (owner != owners.end()) {
    reader.mistake(
        MistakeCode::vip_in_use, value.position,
        fmt::format("the virtual address {} is already used by host \"{}\" (line {}): choose an address that no "
                    "host has; it moves to the primary database.",
                    value.text, owner->second.host, owner->second.line));
    return;
  }
  if (is_outside) {
    const auto is_inside = [&](const Subnet& subnet) { return subnet.contains(*address); };
    if (std::ranges::any_of(subnets, is_inside)) {
      reader.mistake(MistakeCode::vip_not_usable, value.position,
                     fmt::format("{} is inside the site's networks, but with \"route_tables\" in [aws], or \"vip\" of "
                                 "the database hosts, it must be outside of them.",
                                 value.text));
    }
    return;
  }
  const auto* net = network_of(reader, value, *address, subnets);
  if (net != nullptr) is_unusable(reader, value, *address, *net, MistakeCode::vip_not_usable);
}

constexpr std::string_view balancer_role = "CCM_LB";  // of either kind of site

bool has_standalone_role(const Draft& draft) {
  return std::ranges::any_of(draft.hosts, [](const DraftHost& host) {
    const auto* role = find_role(host.role.text);
    return role != nullptr && role->is_standalone();
  });
}

void refuse_high_availability(TomlReader& reader, const toml::source_position& position, const Role& role) {
  reader.mistake(MistakeCode::role_not_available, position,
                 fmt::format("the role {} does not allow high availability: {}. A site that runs already is turned "
                             "into such a one, with its data, by \"gemel convert\".",
                             role.name, role.refused));
}

/// Notes roles that do not exist, and roles that cannot be highly available beside those that are. False when any was
/// noted.
bool check_role_names(TomlReader& reader, const Draft& draft) {
  std::vector<std::string_view> offered;
  for (const auto& role : roles()) offered.push_back(role.name);
  const bool is_mixed = has_standalone_role(draft) && !is_standalone(draft);
  bool are_sound = true;
  for (const auto& host : draft.hosts) {
    if (!host.role.is_present()) {
      are_sound = false;  // noted as a missing key
      continue;
    }
    const auto* role = find_role(host.role.text);
    if (role == nullptr) {
      reader.mistake(MistakeCode::unknown_role, host.role.position,
                     fmt::format("there is no role \"{}\".{} Roles: {}.", host.role.text,
                                 did_you_mean(host.role.text, offered), fmt::join(offered, ", ")));
    } else if (is_mixed && role->is_standalone()) {
      refuse_high_availability(reader, host.role.position, *role);
    }
    are_sound = are_sound && role != nullptr && !(is_mixed && role->is_standalone());
  }
  return are_sound;
}

void check_role_counts(TomlReader& reader, const Draft& draft, bool names_are_sound) {
  for (const auto& role : roles()) {
    unsigned count = 0;
    for (const auto& host : draft.hosts) {
      if (host.role.text != role.name) continue;
      if (++count > role.at_most) {
        reader.mistake(MistakeCode::too_many_of_role, host.role.position,
                       fmt::format("a site has one {}: give \"{}\" another role.", role.name, host.name.text));
      }
    }
    // A misspelt role is one mistake, not two: which one is missing can be told only when all names are known.
    const unsigned at_least = draft.is_external() && role.concepts.database ? 0 : role.at_least;
    if (count < at_least && names_are_sound && !reader.is_partial()) {
      reader.mistake(MistakeCode::missing_role, draft.hosts_position,
                     fmt::format("no host has the role {}: {}.", role.name, role.missing));
    }
  }
}

void check_compact(TomlReader& reader, const Draft& draft) {
  for (const auto& host : draft.hosts) {
    const auto* role = find_role(host.role.text);
    if (role != nullptr && role->name != role_all && !role->is_standalone()) {
      reader.mistake(
          MistakeCode::role_not_available, host.role.position,
          fmt::format("{} does not go together with ALL: in a compact site every host has the role ALL.", role->name));
    }
  }
  const auto is_all = [](const DraftHost& host) { return host.role.text == role_all; };
  const auto voters = static_cast<std::size_t>(std::count_if(draft.hosts.begin(), draft.hosts.end(), is_all));
  if (voters < fewest_voters || voters % 2 == 0) {
    reader.mistake(
        MistakeCode::voters, draft.hosts_position,
        fmt::format("a compact site needs three or five hosts with the role ALL, this one has {}: each has a vote, "
                    "and an even number survives no more losses than one less.",
                    voters));
  }
}

/// One manager and one database, on one host (CCM) or on two; a second of either asks for high availability.
void check_standalone(TomlReader& reader, const Draft& draft) {
  const auto is_one_host = [](const DraftHost& host) { return host.role.text == role_one_host; };
  const bool has_one_host = std::ranges::any_of(draft.hosts, is_one_host);
  std::map<std::string, unsigned> counts;
  for (const auto& host : draft.hosts) {
    const auto* role = find_role(host.role.text);
    if (role == nullptr) continue;
    if (has_one_host && role->name != role_one_host) {
      reader.mistake(MistakeCode::role_not_available, host.role.position,
                     fmt::format("{} does not go together with {}, which keeps everything on one host.", role->name,
                                 role_one_host));
    } else if (++counts[host.role.text] > 1 && role->is_standalone()) {
      refuse_high_availability(reader, host.role.position, *role);
    } else if (counts[host.role.text] > 1) {
      reader.mistake(
          MistakeCode::too_many_of_role, host.role.position,
          fmt::format("a standalone site has one {}: give \"{}\" another role.", role->name, host.name.text));
    }
  }
  if (has_one_host || reader.is_partial()) return;
  for (const auto& role : roles()) {
    if (!role.is_standalone() || role.name == role_one_host || counts[std::string(role.name)] > 0) continue;
    if (draft.is_external() && role.concepts.database) continue;
    reader.mistake(MistakeCode::missing_role, draft.hosts_position,
                   fmt::format("no host has the role {}: {}.", role.name, role.missing));
  }
}

/// A virtual address is what a second database host would take over.
void refuse_vip_of_standalone(TomlReader& reader, const Draft& draft) {
  for (const auto* value : {&draft.vip, &draft.vip6}) {
    if (!value->is_present()) continue;
    reader.mistake(MistakeCode::role_not_available, value->position,
                   "a site with these roles does not allow high availability, so there is nobody to take over a "
                   "virtual address: leave it out. \"gemel convert\" turns the site, once it runs, into one that has "
                   "such an address.");
  }
}

/// The database hosts and their address are what is judged, not those who judge; empty when it may be asked.
std::string why_no_service_target(const Draft& draft, const IpAddress& address) {
  const auto is_it = [&](const Located& value) {
    return value.is_present() && parse_address(value.text) == std::optional(address);
  };
  if (is_it(draft.vip) || is_it(draft.vip6)) {
    return "is the virtual address: \"service_targets\" are those who use it, or machines on the way to them.";
  }
  for (const auto& host : draft.hosts) {
    const auto* role = find_role(host.role.text);
    const bool is_database_only = role != nullptr && role->concepts.database && !role->concepts.manager;
    if (is_database_only && (is_it(host.address) || is_it(host.address6))) {
      return fmt::format(
          "belongs to the database host \"{}\": \"service_targets\" are those who use the database, or "
          "machines on the way to them.",
          host.name.text);
    }
  }
  return {};
}

void warn_same_zone(TomlReader& reader, const Draft& draft, bool Concepts::* pair, std::string_view what) {
  std::map<std::string, std::string> zones;
  for (const auto& host : draft.hosts) {
    const auto* role = find_role(host.role.text);
    if (role == nullptr || role->name == role_all || !(role->concepts.*pair) || !host.zone.is_present()) continue;
    const auto [first, is_new] = zones.emplace(host.zone.text, host.name.text);
    if (!is_new) {
      reader.warning(
          MistakeCode::same_zone, host.zone.position,
          fmt::format("the {} \"{}\" and \"{}\" are both in zone \"{}\": one failure of the zone takes both.", what,
                      first->second, host.name.text, host.zone.text));
    }
  }
}

}  // namespace

bool is_standalone(const Draft& draft) {
  return has_standalone_role(draft) && std::ranges::all_of(draft.hosts, [](const DraftHost& host) {
           const auto* role = find_role(host.role.text);
           return role == nullptr || role->is_standalone() || role->name == balancer_role;
         });
}

bool is_dns_name(const std::string& text) {
  if (text.size() > longest_dns_name) return false;
  const auto labels = split(text, '.');
  const auto is_digit = [](char letter) { return letter >= '0' && letter <= '9'; };
  return std::all_of(labels.begin(), labels.end(), is_label) &&
         !std::all_of(labels.back().begin(), labels.back().end(), is_digit);
}

bool is_host_name(const std::string& text) { return text.size() <= longest_host_name && is_dns_name(text); }

void check_names(TomlReader& reader, const Draft& draft) {
  const auto refuse = [&](const Located& value, bool is_sound, std::string_view rule) {
    if (!value.is_present() || is_sound) return;
    reader.mistake(MistakeCode::bad_name, value.position, fmt::format("\"{}\" {}", value.text, rule));
  };
  refuse(draft.name, is_label(draft.name.text) && draft.name.text.size() <= longest_site_name,
         "is no name of a site: letters, digits and hyphens, at most 40.");
  refuse(draft.id, is_uuid(draft.id.text), "is no UUID: leave \"id\" out, the first render makes one.");
  refuse(draft.dns_name, is_dns_name(draft.dns_name.text),
         "is no DNS name: give the name of the load balancer, as mgmt.example.org (RFC 1123).");
  refuse(draft.interface, is_interface(draft.interface.text), "is no name of a network interface.");
  const auto& user = draft.user.text;
  const bool is_reserved = user == "postgres" || user.starts_with("pg_") || user.starts_with("gemel_");
  refuse(draft.user, is_identifier(user), "cannot be a database user: small letters, digits and _, at most 63.");
  if (is_identifier(user)) refuse(draft.user, !is_reserved, "is reserved: choose another database user.");
  const auto& database = draft.database.text;
  const bool is_template = database == "postgres" || database.starts_with("template");
  refuse(draft.database, is_identifier(database),
         "cannot be a database name: small letters, digits and _, at most 63.");
  if (is_identifier(database)) refuse(draft.database, !is_template, "is reserved: choose another database name.");
  refuse(draft.program_directory, draft.program_directory.text.starts_with('/'), "must be an absolute path.");
  check_host_names(reader, draft);
}

void check_addresses(TomlReader& reader, const Draft& draft) {
  const auto subnets = read_subnets(reader, draft);
  Owners owners;
  for (const auto& host : draft.hosts) {
    check_host_address(reader, host, host.address, Family::any, subnets, owners);
    check_host_address(reader, host, host.address6, Family::v6, subnets, owners);
  }
  const bool is_translated = has_vip_of_hosts(draft);
  for (const auto& host : draft.hosts) check_host_address(reader, host, host.vip, Family::any, subnets, owners);
  check_vip(reader, draft.vip, Family::any, subnets, owners, draft.address.is_routed() || is_translated);
  check_vip(reader, draft.vip6, Family::v6, subnets, owners, draft.address.is_routed());
  if (draft.is_external()) return;  // check_external_database() has looked at them
  if (is_standalone(draft)) {
    refuse_vip_of_standalone(reader, draft);
  } else if (!draft.vip.is_present() && !draft.vip6.is_present() && !reader.is_partial()) {
    reader.mistake(
        MistakeCode::missing_key, draft.network_position,
        "[network] lacks \"vip\" (or \"vip6\"): give a free address of the network; clients reach the primary "
        "database by it (MGMTPOSTGRES_VIP).");
  }
}

void check_service_targets(TomlReader& reader, const Draft& draft) {
  if (!draft.service_targets) return;
  std::map<IpAddress, unsigned> lines;
  for (const auto& target : *draft.service_targets) {
    if (lines.size() == most_service_targets) {
      reader.mistake(MistakeCode::out_of_range, target.position,
                     fmt::format("\"service_targets\" has more than {} addresses: a few that stand for the others are "
                                 "enough.",
                                 most_service_targets));
      return;
    }
    const auto address = read_address(reader, target, Family::any);
    if (!address) continue;
    const auto [first, is_new] = lines.emplace(*address, target.position.line);
    if (!is_new) {
      reader.mistake(MistakeCode::duplicate_address, target.position,
                     fmt::format("{} is in \"service_targets\" twice: each address has one vote.", target.text));
      continue;
    }
    if (const auto reason = why_no_service_target(draft, *address); !reason.empty())
      reader.mistake(MistakeCode::bad_address, target.position, fmt::format("{} {}", target.text, reason));
  }
}

void check_roles(TomlReader& reader, const Draft& draft) {
  const bool names_are_sound = check_role_names(reader, draft);
  if (draft.is_external() && refuse_database_roles(reader, draft)) return;
  const auto is_all = [](const DraftHost& host) { return host.role.text == role_all; };
  if (std::any_of(draft.hosts.begin(), draft.hosts.end(), is_all)) {
    check_compact(reader, draft);
    return;
  }
  if (is_standalone(draft)) {
    check_standalone(reader, draft);
    return;
  }
  check_role_counts(reader, draft, names_are_sound);
  warn_same_zone(reader, draft, &Concepts::manager, "managers");
  warn_same_zone(reader, draft, &Concepts::database, "databases");
}

}  // namespace gemel::site
