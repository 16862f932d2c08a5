// The hosts' own SSH keys: seen once, shown to a person by their fingerprints, and from then on the only ones believed.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "runtime/task_scope.h"

namespace gemel::setup {

/// A key as a host shows it; not to be believed before a person has compared it.
struct HostKey {
  std::string host;
  std::string type;  // "ssh-ed25519"
  std::string key;   // base64
  bool operator==(const HostKey&) const = default;
};

/// "SHA256:…" as ssh-keygen -l prints it; `invalid` when the key is no base64.
Result<std::string> fingerprint(const HostKey& key);

/// Asks each address for its keys, one after the other (ssh-keyscan). A host that does not answer has none.
/// `unavailable`: the program cannot be run. Suspends, a host that is silent costs five seconds.
runtime::Task<Result<std::vector<HostKey>>> scan_host_keys(std::map<std::string, std::string> addresses,
                                                           std::uint16_t port);
/// The keys in what ssh-keyscan printed about `address`, for `host`. Pure.
std::vector<HostKey> parse_scan(const std::string& output, const std::string& host);

/// The pinned keys in the file; none when there is no file.
Result<std::vector<HostKey>> pinned_keys(const std::filesystem::path& known_hosts);
/// The hosts that have one.
Result<std::set<std::string>> pinned_hosts(const std::filesystem::path& known_hosts);
/// Adds the keys to the file, which is written whole (mode 0600). Blocks.
Status pin(const std::filesystem::path& known_hosts, const std::vector<HostKey>& keys);
/// The same, and forgets the earlier keys of their hosts.
Status pin_anew(const std::filesystem::path& known_hosts, const std::vector<HostKey>& keys);
/// Forgets the keys of a host: the next machine of that name is one that was never met. Blocks.
Status unpin(const std::filesystem::path& known_hosts, const std::string& host);

}  // namespace gemel::setup
