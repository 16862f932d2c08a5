// What the balancer shall do, and its translation into HAProxy's configuration. Pure: no file is read or written here.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace gemel::adapters::haproxy {

/// One manager behind the balancer.
struct ManagerServer {
  std::string name;     // host name: the server's name, the cookie's value and the name its certificate must carry
  std::string address;  // IP literal
  std::uint16_t https = 443;
  std::uint16_t orchestrators = 8443;
};

/// Plain value. The configuration text contains `statistics_password`, so the file is 0600.
struct BalancerConfig {
  std::string dns_name;                     // sent as Host with health checks
  std::vector<std::string> bind_addresses;  // IP literals of this host; empty: all IPv4 addresses
  std::uint16_t https = 443;
  std::uint16_t orchestrators = 8443;
  std::uint16_t statistics = 9000;
  std::optional<std::uint16_t> redirect;  // plain HTTP that only redirects to `https`; usually 80
  std::filesystem::path certificate = "/etc/gemel/pki/mgmtserver.pem";
  std::filesystem::path manager_authority = "/etc/gemel/pki/web-ca.crt";
  std::filesystem::path admin_socket = "/run/gemel/haproxy/admin.sock";
  std::string statistics_user = "admin";
  std::string statistics_password;  // required, no colon in the user
  std::optional<std::string> user;  // the workers' user and group; empty: as we are
  unsigned max_connections = 4000;
  Duration check_interval = std::chrono::milliseconds(200);
  // Longer than the 10 s a manager waits for the database to fail over.
  Duration server_timeout = std::chrono::seconds(30);
  std::vector<ManagerServer> managers;  // at least one
};

/// The text of haproxy.cfg (for HAProxy 2.6 and later), with the mission's names and ports: frontend `https-in`,
/// backend `managers`, cookie SVR, `orchestrators`, `statistics` at /haproxy_stats. `invalid` when a value cannot be
/// written.
Result<std::string> render_haproxy(const BalancerConfig& config);

}  // namespace gemel::adapters::haproxy
