// Which files a host gets for what it does: the table of docs/ARCHITECTURE.md as a pure function.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "site/certificates.h"
#include "site/site.h"

namespace gemel::site {

/// The four authorities. Each signs for one purpose, so that a key of one part opens no other.
enum class Authority : std::uint8_t { agent, etcd, db, web };
inline constexpr std::array<Authority, 4> authorities{Authority::agent, Authority::etcd, Authority::db, Authority::web};
std::string to_string(Authority authority);  // "agent": the files are agent-ca.crt and .key

enum class Secret : std::uint8_t { heartbeat, replication, rewind, application, statistics };
inline constexpr std::array<Secret, 5> secrets{Secret::heartbeat, Secret::replication, Secret::rewind,
                                               Secret::application, Secret::statistics};
std::string file_name(Secret secret);  // "heartbeat.key", "replication.password"

inline constexpr std::string_view root_user = "root";
inline constexpr std::string_view manager_user = "gemel-manager";

/// Paths are relative to /etc/gemel. Certificates are public (0644), keys and secrets 0600 of their owner.
struct CertificateFiles {
  Authority authority = Authority::agent;
  CertificateRequest request;
  std::string certificate;  // "pki/agent.crt"
  std::string key;          // the same path when certificate and key are one file
  std::string_view owner = root_user;
  bool is_for_users = false;  // the operator's own certificate stands here when the site has one
};
struct SecretFile {
  Secret secret = Secret::heartbeat;
  std::string_view owner = root_user;
};

struct HostFiles {
  std::vector<Authority> authorities;  // whose certificates (not keys) the host gets
  std::vector<CertificateFiles> certificates;
  std::vector<SecretFile> secrets;
};

/// Pure. Pre: `host` is one of the site's.
HostFiles files_of(const Site& site, const Host& host);

}  // namespace gemel::site
