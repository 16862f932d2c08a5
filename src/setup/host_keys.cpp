#include "setup/host_keys.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "runtime/child_process.h"
#include "runtime/files.h"

namespace gemel::setup {
namespace {

constexpr auto scan_limit = std::chrono::seconds(15);
constexpr const char* scan_program = "/usr/bin/ssh-keyscan";

runtime::Task<void> scan_one(std::string host, std::string address, std::uint16_t port,
                             std::map<std::string, Result<std::vector<HostKey>>>* found) {
  runtime::ChildSpec spec;
  spec.arguments = {scan_program, "-T", "5", "-t", "ed25519,ecdsa,rsa", "-p", std::to_string(port), "--", address};
  spec.environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C"}};
  const auto result = co_await runtime::run_command(std::move(spec), scan_limit);
  if (result) {
    found->insert_or_assign(host, parse_scan(result->output, host));
  } else if (result.error().code == ErrorCode::timed_out) {
    found->insert_or_assign(host, std::vector<HostKey>{});
  } else {
    found->insert_or_assign(host, std::unexpected(result.error()));
  }
}

}  // namespace

Result<std::string> fingerprint(const HostKey& key) {
  std::string bytes(key.key.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), key.key.data(), key.key.size(),
                        nullptr, &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0) {
    return fail(ErrorCode::invalid, fmt::format("{}: the host's key cannot be read", key.host));
  }
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(bytes.data()), size);
  std::array<char, sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES, sodium_base64_VARIANT_ORIGINAL_NO_PADDING)>
      text{};
  sodium_bin2base64(text.data(), text.size(), digest.data(), digest.size(), sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
  return std::string("SHA256:") + text.data();
}

std::vector<HostKey> parse_scan(const std::string& output, const std::string& host) {
  std::vector<HostKey> keys;
  for (const auto& line : split(output, '\n')) {
    const auto words = split(trim(line), ' ');
    if (words.size() != 3 || words[0].starts_with('#')) continue;
    if (words[1].starts_with("ssh-") || words[1].starts_with("ecdsa-")) keys.push_back({host, words[1], words[2]});
  }
  // One kind is enough to know a host by, and fewer fingerprints are compared with more care.
  if (const auto best = std::ranges::find(keys, "ssh-ed25519", &HostKey::type); best != keys.end()) return {*best};
  return keys;
}

runtime::Task<Result<std::vector<HostKey>>> scan_host_keys(std::map<std::string, std::string> addresses,
                                                           std::uint16_t port) {
  std::map<std::string, Result<std::vector<HostKey>>> found;
  for (const auto& [host, address] : addresses) co_await scan_one(host, address, port, &found);
  std::vector<HostKey> keys;
  for (const auto& [host, result] : found) {
    if (!result) co_return std::unexpected(result.error());
    keys.insert(keys.end(), result->begin(), result->end());
  }
  co_return keys;
}

Result<std::vector<HostKey>> pinned_keys(const std::filesystem::path& known_hosts) {
  std::vector<HostKey> keys;
  const auto text = runtime::read_file(known_hosts);
  if (!text && text.error().code == ErrorCode::not_found) return keys;
  if (!text) return std::unexpected(text.error());
  for (const auto& line : split(*text, '\n')) {
    const auto words = split(trim(line), ' ');
    if (words.size() == 3) keys.push_back({words[0], words[1], words[2]});
  }
  return keys;
}

Result<std::set<std::string>> pinned_hosts(const std::filesystem::path& known_hosts) {
  const auto keys = pinned_keys(known_hosts);
  if (!keys) return std::unexpected(keys.error());
  std::set<std::string> hosts;
  for (const auto& key : *keys) hosts.insert(key.host);
  return hosts;
}

namespace {

Status write_keys(const std::filesystem::path& known_hosts, const std::vector<HostKey>& keys) {
  std::string content;
  for (const auto& key : keys) content += fmt::format("{} {} {}\n", key.host, key.type, key.key);
  return runtime::write_file_durably(known_hosts, content, 0600);
}

}  // namespace

Status pin_anew(const std::filesystem::path& known_hosts, const std::vector<HostKey>& keys) {
  auto kept = pinned_keys(known_hosts);
  if (!kept) return std::unexpected(kept.error());
  std::erase_if(*kept, [&](const HostKey& key) { return std::ranges::count(keys, key.host, &HostKey::host) != 0; });
  kept->insert(kept->end(), keys.begin(), keys.end());
  return write_keys(known_hosts, *kept);
}

Status unpin(const std::filesystem::path& known_hosts, const std::string& host) {
  auto kept = pinned_keys(known_hosts);
  if (!kept) return std::unexpected(kept.error());
  std::erase_if(*kept, [&](const HostKey& key) { return key.host == host; });
  return write_keys(known_hosts, *kept);
}

Status pin(const std::filesystem::path& known_hosts, const std::vector<HostKey>& keys) {
  auto text = runtime::read_file(known_hosts);
  if (!text && text.error().code != ErrorCode::not_found) return std::unexpected(text.error());
  auto content = text.value_or("");
  for (const auto& key : keys) content += fmt::format("{} {} {}\n", key.host, key.type, key.key);
  return runtime::write_file_durably(known_hosts, content, 0600);
}

}  // namespace gemel::setup
