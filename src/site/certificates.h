// The built-in certification authorities: four of them, one per purpose, and the certificates they issue. In memory
// only; render.cpp decides which file a certificate goes to.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace gemel::site {

inline constexpr std::chrono::days authority_validity{3650};
// Should be 90 days. Nothing renews certificates by itself yet, so they live as long as browsers accept one (825 days).
inline constexpr std::chrono::days certificate_validity{825};

/// What a certificate is for; its name is part of the URI in the certificate ("gemel:<site>:<use>:<host>").
enum class CertificateUse : std::uint8_t {
  agent,
  manager,
  etcd_peer,
  etcd_server,
  etcd_client,
  postgres,
  replication,
  rewind,
  web,
  balancer,
};
std::string to_string(CertificateUse use);

/// PEM texts. The key is secret: never logged, never formatted.
struct KeyPair {
  std::string certificate;
  std::string key;
};

struct CertificateRequest {
  CertificateUse use = CertificateUse::agent;
  std::string common_name;             // at most 64 letters
  std::vector<std::string> dns_names;  // checked by the caller: host names only
  std::vector<std::string> addresses;  // IP literals
  std::string uri;
};

/// A new self-signed authority (ECDSA P-256) that may sign end certificates only.
Result<KeyPair> make_authority(const std::string& common_name, std::chrono::days validity = authority_validity);
/// A new key (ECDSA P-256) and its certificate: extended key usage as `use` needs it, subject alternative names, key
/// identifiers. `corrupt` when the authority cannot be read.
Result<KeyPair> issue_certificate(const KeyPair& authority, const CertificateRequest& request);

/// True when `pair` is what issue_certificate() would make: signed by the authority, same names, valid for another 30
/// days, key and certificate belong together. Anything unreadable is false.
bool is_current(const KeyPair& pair, const KeyPair& authority, const CertificateRequest& request);
/// What keeps an authority from being used, as the end of a sentence; empty when nothing does. It must be readable, be
/// an authority, be valid now, and have the key that belongs to it.
std::string fault_of_authority(const KeyPair& authority);

}  // namespace gemel::site
