// Certificates made on the spot, for tests only: an authority, and identities it signs. Library gemel_runtime_testing.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "runtime/http_client.h"

namespace gemel::runtime {

/// What a test certificate says. Use bits for both TLS sides are set.
struct TestIdentity {
  std::string name;                         // CN and file name
  std::vector<std::string> dns = {};        // SAN DNS
  std::vector<std::string> addresses = {};  // SAN IP
  std::vector<std::string> uris = {};       // SAN URI
  bool is_expired = false;                  // valid until yesterday
};

/// One authority with a folder of PEM files: <name>-ca.crt, <identity>.crt, <identity>.key (mode 0600). Removed with
/// the object. Aborts the test program when OpenSSL or the file system fails.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name = "test");
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;
  ~TestAuthority();

  /// Makes and writes the identity; the files as a TLS identity with this authority as CA.
  TlsFiles issue(const TestIdentity& identity);
  /// For a server on loopback: DNS localhost, IP 127.0.0.1 and ::1.
  TlsFiles issue_for_loopback(const std::string& name);
  /// CA only, no identity of its own.
  [[nodiscard]] TlsFiles trust() const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  struct Keys;
  std::filesystem::path folder_;
  std::filesystem::path ca_file_;
  std::unique_ptr<Keys> keys_;
};

}  // namespace gemel::runtime
