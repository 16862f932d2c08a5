// What the PostgreSQL adapter must be told: directories, peers, TLS files, secrets, limits. Built by the agent from
// the host's configuration; immutable afterwards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"

namespace gemel::adapters::postgres {

/// A database host, this one included. `address` is an IP literal (replication goes to it, pg_hba names it); the
/// certificate of the host must carry `node.name` as a DNS name.
struct PostgresPeer {
  NodeId node;
  std::string address;
  std::uint16_t port = 5432;
};

struct ApplicationRole {
  std::string user = "cliqr";
  std::string database = "gemel";
  std::string password;  // secret
};

/// Source files, readable by root; the adapter copies them to tls_dir for the server's user.
struct PostgresTls {
  std::filesystem::path ca;
  std::filesystem::path server_certificate, server_key;
  std::filesystem::path replication_certificate, replication_key;  // CN gemel_replication
  std::filesystem::path rewind_certificate, rewind_key;            // CN gemel_rewind
};

struct PostgresLimits {
  Duration observe = std::chrono::milliseconds(250);
  Duration start = std::chrono::seconds(60);  // until it answers; recovery included
  Duration promote = std::chrono::seconds(5);
  Duration barrier = std::chrono::seconds(60);  // CHECKPOINT under load
  Duration kill = std::chrono::seconds(5);
  Duration rewind = std::chrono::minutes(10);
  Duration clone = std::chrono::hours(4);
  Duration bootstrap = std::chrono::minutes(2);
  Duration probe_period = std::chrono::milliseconds(500);
  Duration probe_fresh = std::chrono::milliseconds(1200);  // younger answers count as age 0
};

struct PostgresConfig {
  NodeId self;
  std::vector<PostgresPeer> peers;  // all database hosts, self included
  std::filesystem::path bin_dir = "/usr/lib/postgresql/15/bin";
  std::filesystem::path data_dir = "/var/lib/gemel/postgres/data";
  std::filesystem::path tls_dir = "/var/lib/gemel/postgres/tls";
  std::filesystem::path socket_dir = "/run/gemel/postgres";
  std::filesystem::path state_dir = "/var/lib/gemel/agent";  // epoch.served, rewind.marker, bootstrap.marker
  std::filesystem::path cgroup;                              // cgroup2 directory of its own for everything started here
  std::optional<std::filesystem::path> log_file;             // server's stderr; empty: inherited (journal)
  std::string os_user = "postgres";
  std::string listen_addresses = "*";
  std::uint16_t port = 5432;
  PostgresTls tls;
  ApplicationRole application;
  std::string replication_password;           // secret
  std::string rewind_password;                // secret
  int oom_score_adjust = -800;                // postmaster; backends go back to 0. 0 where the privilege is missing
  std::map<std::string, std::string> tuning;  // further settings; those that Gemel manages win
  PostgresLimits limits;

  /// The peer of that name, or nullptr.
  [[nodiscard]] const PostgresPeer* find(const NodeId& node) const;
};

/// All that is wrong, in words; empty when usable. Does not look at the disk.
std::vector<std::string> validate(const PostgresConfig& config);

}  // namespace gemel::adapters::postgres
