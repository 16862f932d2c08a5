// Checks of a site file that need more than one value: addresses against networks, hosts against each other, roles
// against the table. Private to this folder.
#pragma once

#include <string>
#include <vector>

#include "site/network_address.h"
#include "site/role_table.h"
#include "site/site.h"
#include "site/toml_reader.h"

namespace gemel::site {

/// A value as it was read, and where: what a check needs to point at.
struct Located {
  std::string text;
  toml::source_position position{0, 0};  // line 0: the key is absent
  [[nodiscard]] bool is_present() const { return position.line != 0; }
};

struct DraftHost {
  Located name;
  Located role;
  Located address;
  Located address6;
  Located zone;
  Located vip;
  toml::source_position position{1, 1};
};

/// The site as read, before it is known to be sound.
struct Draft {
  Located name;
  Located id;
  Located dns_name;
  Located interface;
  Located vip;
  Located vip6;
  AddressSettings address;
  toml::source_position address_position{0, 0};  // of its first key; line 0: it has none
  std::vector<Located> client_addresses;
  Located user;
  Located database;
  Located endpoint;
  Located ca;
  Located password_file;
  Located program_directory;
  Located certificate;
  Located certificate_key;
  Located certificate_authority;
  std::vector<Located> subnets;
  std::optional<std::vector<Located>> service_targets;  // nullopt: the key is absent
  std::vector<DraftHost> hosts;
  toml::source_position network_position{1, 1};
  toml::source_position hosts_position{1, 1};
  bool has_endpoint = false;  // the key is there, sound or not
  /// The database is somebody else's.
  [[nodiscard]] bool is_external() const { return has_endpoint; }
};

void check_names(TomlReader& reader, const Draft& draft);
void check_addresses(TomlReader& reader, const Draft& draft);
void check_roles(TomlReader& reader, const Draft& draft);
/// Database hosts have addresses that a public floating address leads to.
bool has_vip_of_hosts(const Draft& draft);
/// The provider of the floating address against what else the file says. After check_addresses().
void check_address_provider(TomlReader& reader, const Draft& draft);
/// The addresses that stand for the clients' side. After check_addresses().
void check_service_targets(TomlReader& reader, const Draft& draft);

/// The keys of an external database, and what has no meaning beside them. Before check_addresses().
void check_external_database(TomlReader& reader, const TableView& root, const Draft& draft);
/// Roles with a database beside an external one; true when there was any.
bool refuse_database_roles(TomlReader& reader, const Draft& draft);

/// Its roles are those of a site that is not highly available, and of no other.
bool is_standalone(const Draft& draft);

/// Dotted labels, at most 253 letters (RFC 1123); the last one not all digits, which would read as an address.
bool is_dns_name(const std::string& text);
/// RFC 1123 host name of at most 63 letters, so that it fits a certificate's common name.
bool is_host_name(const std::string& text);

}  // namespace gemel::site
