// OpenStack's Identity API v3 and Networking API v2.0 as far as an address needs them: requests and answers as values.
// Pure. Wire formats: OpenStack API reference, "Identity API v3" (application credentials) and "Networking API v2.0".
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"
#include "runtime/http.h"

namespace gemel::cloud {

/// What an application credential was exchanged for. Secret: never logged.
struct CloudToken {
  std::string token;
  std::chrono::milliseconds expires{0};  // wall clock, since 1970
  std::string network_url;               // of the Networking API, without "/v2.0"
};

/// POST; the service is the Identity API's "…/v3".
runtime::HttpRequest token_request(const std::string& credential_id, const std::string& secret);

struct CatalogChoice {
  std::string interface;  // "public"
  std::string region;     // empty: the first
};
/// `not_found`: the catalogue has no such network service (the message says which there are); `corrupt`.
Result<CloudToken> read_token(const runtime::HttpResponse& answer, const CatalogChoice& choice);

/// As a note for the next call, and back; nothing sensible in it gives an empty token.
std::string token_note(const CloudToken& token, const std::string& credential_id);
CloudToken read_token_note(const std::string& note, const std::string& credential_id);

runtime::HttpRequest ports_request(const std::string& token, const std::string& mac, const std::string& host_address);
runtime::HttpRequest floating_ip_request(const std::string& token, const std::string& id);
runtime::HttpRequest move_floating_ip_request(const std::string& token, const std::string& id,
                                              const std::string& port_id, const std::string& address);

/// A virtual machine's port, as far as it matters which packets it lets through.
struct Port {
  std::string id;
  std::string mac;
  bool is_guarded = true;            // anti-spoofing is on
  std::vector<std::string> fixed;    // addresses of its own
  std::vector<std::string> allowed;  // addresses and networks besides, with its own MAC
};
/// The ports of the answer to ports_request(). `corrupt`.
Result<std::vector<Port>> read_ports(const std::string& body);
/// Packets from and to `address` pass the port's anti-spoofing.
bool lets_through(const Port& port, const std::string& address);
bool has_fixed(const Port& port, const std::string& address);

struct FloatingIp {
  std::string port_id;  // empty: it leads nowhere
  std::string fixed_address;
};
Result<FloatingIp> read_floating_ip(const std::string& body);

/// The service's own words in an answer that is an error; empty when there are none.
std::string read_complaint(const std::string& body);

}  // namespace gemel::cloud
