// HostConfig: what /etc/gemel/host.toml says: which host this is, and all hosts of its site with roles, addresses,
// ports and timers. Written by `gemel render`, read by the agent, the manager and the command line. It holds no secret.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "core/timers.h"
#include "site/address_provider.h"

namespace gemel::site {

/// What a host does, in the words of the code. The mission's role names map to these in role_table.h only.
enum class Concept : std::uint8_t { manager, database, balancer, voter };

/// The concepts of one host. `voter` = runs a member of etcd.
struct Concepts {
  bool manager = false;
  bool database = false;
  bool balancer = false;
  bool voter = false;
  [[nodiscard]] bool has(Concept what) const;
  bool operator==(const Concepts&) const = default;
};

struct Host {
  std::string name;  // RFC 1123 name; also the node's name in the record and in etcd
  std::string role;  // the mission's name, e.g. "MGMTPOSTGRES_MASTER"; for people only, decide by `concepts`
  Concepts concepts;
  std::string address;   // IPv4 literal (IPv6 when the site has no IPv4)
  std::string address6;  // IPv6 literal beside it; may be empty
  std::string zone;      // may be empty
  // Database hosts of a site whose floating address is outside its networks: the address of this host that it leads
  // to, by a cloud's translation. Empty: the host has the floating address itself.
  std::string vip;
  [[nodiscard]] NodeId id() const { return NodeId{name}; }
  /// `address`, then `address6` when there is one.
  [[nodiscard]] std::vector<std::string> addresses() const;
  bool operator==(const Host&) const = default;
};

/// An address that moves between hosts, with the length of its network's prefix.
struct FloatingAddress {
  std::string address;
  std::uint8_t prefix_length = 0;
  bool operator==(const FloatingAddress&) const = default;
};

struct Ports {
  std::uint16_t agent = 7400;                  // tcp, every host
  std::uint16_t heartbeat = 7401;              // udp, database hosts
  std::uint16_t etcd_client = 2379;            // voters
  std::uint16_t etcd_peer = 2380;              // voters
  std::uint16_t postgres = 5432;               // database hosts
  std::uint16_t https = 443;                   // balancers
  std::uint16_t orchestrators = 8443;          // balancers
  std::uint16_t manager_https = 443;           // managers; other than `https` only where one host is both (role ALL)
  std::uint16_t manager_orchestrators = 8443;  // managers; likewise
  std::uint16_t statistics = 9000;             // balancers
  bool operator==(const Ports&) const = default;
};

/// A PostgreSQL that somebody else runs (ADR 0032): the site has no database host, no store, and nobody who takes over.
struct ExternalDatabase {
  std::string host;  // DNS name or IP literal, as its certificate has it
  std::uint16_t port = 5432;
  std::filesystem::path ca;  // on the manager hosts: PEM file of the authorities that it is verified against
  /// "db.example.org:5432", "[fd00::5]:5432".
  [[nodiscard]] std::string endpoint() const;
  bool operator==(const ExternalDatabase&) const = default;
};
/// HOST, HOST:PORT, [ADDRESS]:PORT; `ca` stays empty. nullopt for anything else. Pure.
std::optional<ExternalDatabase> parse_endpoint(const std::string& text);

struct DatabaseSettings {
  std::string application_user = "cliqr";
  std::string database_name = "gemel";
  std::filesystem::path program_directory = "/usr/lib/postgresql/15/bin";  // postgres, initdb, pg_basebackup, …
  std::optional<ExternalDatabase> external;                                // in place of database hosts
  bool operator==(const DatabaseSettings&) const = default;
};

/// Roots of everything on disk; other values than the defaults are for tests.
struct Directories {
  std::filesystem::path etc = "/etc/gemel";
  std::filesystem::path state = "/var/lib/gemel";
  std::filesystem::path run = "/run/gemel";
  bool operator==(const Directories&) const = default;
};

/// Plain value; immutable after loading by convention. The helpers GEMEL_CHECK what load_host_config() has verified.
struct HostConfig {
  std::string site;     // name of the site
  std::string site_id;  // UUID, made once by the first render; tells two sites of one name apart
  std::string self_name;
  std::string dns_name;              // the name users and orchestrators reach the balancer by
  std::vector<std::string> subnets;  // "10.0.0.0/24", "fd00::/64": the networks of the site's hosts
  std::string interface = "eth0";
  std::optional<FloatingAddress> vip;   // IPv4 address of the primary database; both empty: of a standalone site
  std::optional<FloatingAddress> vip6;  // IPv6 address of the primary database
  AddressSettings address;              // how the network learns where these belong
  DatabaseSettings database;
  core::Timers timers;
  unsigned min_copies = 1;     // 1 = stay writable alone, 2 = block rather than run with one copy
  unsigned sync_standbys = 1;  // a commit waits for so many standbys; at most the number of other database hosts
  std::vector<std::string> service_targets;  // addresses that stand for the clients' side; empty: nobody is asked
  Ports ports;
  Directories directories;
  std::vector<Host> hosts;  // in the order of the site file

  [[nodiscard]] const Host& self() const;
  /// nullptr when no host has that name.
  [[nodiscard]] const Host* find(const std::string& name) const;
  [[nodiscard]] std::vector<Host> hosts_with(Concept what) const;
  /// hosts_with() without this host.
  [[nodiscard]] std::vector<Host> peers_with(Concept what) const;
  /// The database host that creates the cluster when there is none: the first one, MGMTPOSTGRES_MASTER by role.
  [[nodiscard]] const Host& bootstrapper() const;
  /// One database host: nobody takes over.
  [[nodiscard]] bool is_standalone() const;
  /// The address the managers reach the primary database by: VIP, else VIP6, else that of the only database host, else
  /// none. An external database has none that is known here.
  [[nodiscard]] std::optional<std::string> database_address() const;

  /// service_targets without this host's own addresses.
  [[nodiscard]] std::vector<std::string> service_targets_of_self() const;

  [[nodiscard]] std::filesystem::path pki(const std::string& file) const { return directories.etc / "pki" / file; }
  [[nodiscard]] std::filesystem::path secret(const std::string& file) const {
    return directories.etc / "secrets" / file;
  }
};

/// Reads and verifies host.toml. `not_found`, `denied` for the file itself; `invalid` with file, line and key for a
/// wrong content (the first mistake only: people write the site file, not this one). Blocks.
Result<HostConfig> load_host_config(std::filesystem::path path);
/// The same from memory; `name` stands for the file in messages.
Result<HostConfig> parse_host_config(const std::string& text, const std::string& name);
/// The text of host.toml: parse_host_config(to_toml(c)) gives c again.
std::string to_toml(const HostConfig& config);

}  // namespace gemel::site
