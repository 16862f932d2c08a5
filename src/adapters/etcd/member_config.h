// MemberConfig: one etcd member as its host runs it, and the pure rendering of its command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "runtime/http_client.h"

namespace gemel::adapters::etcd {

/// A voter as the other members find it.
struct MemberPeer {
  NodeId name;
  std::string address;  // IP literal of the management network
  std::uint16_t port = 2380;
  std::uint16_t client_port = 2379;
};

struct MemberConfig {
  std::string site;               // becomes the cluster token: members of two sites never meet
  NodeId name;                    // of this host; one of `peers`
  std::vector<MemberPeer> peers;  // all voters, self among them
  std::string address;            // IP literal that clients and peers use; nothing listens elsewhere
  std::uint16_t client_port = 2379;
  std::uint16_t peer_port = 2380;
  std::uint16_t metrics_port = 2381;  // plain HTTP on 127.0.0.1; 0: none
  std::filesystem::path program = "/usr/bin/etcd";
  std::filesystem::path data_directory = "/var/lib/gemel/etcd";  // copies of the keys go to <parent>/etcd-tls
  std::optional<std::string> user = "etcd";                      // empty: as the agent (tests without that user)
  std::optional<std::filesystem::path> cgroup;  // cgroup2 directory of its own; empty: none, no adoption
  std::optional<std::filesystem::path> output;  // etcd's log; empty: the agent's
  int oom_score_adjust = 0;       // below the agent's own only with CAP_SYS_RESOURCE, which containers may lack
  runtime::TlsFiles server_tls;   // etcd-ca, etcd-server: both server and client use (the gateway calls itself)
  runtime::TlsFiles peer_tls;     // etcd-ca, etcd-peer
  runtime::TlsFiles client_tls;   // etcd-ca, etcd-client: for the agent's own calls
  std::string authority_version;  // of install_tls(): which authorities its copies hold; empty: none were made
  Duration heartbeat = std::chrono::milliseconds(50);
  Duration election = std::chrono::milliseconds(500);  // >= 5 heartbeats
  std::uint64_t quota_bytes = 256ULL << 20;            // the data is a few kilobytes
};

/// How a member without data begins.
struct Beginning {
  bool is_joining = false;   // a cluster that exists; false: a new one, of all voters
  std::string cluster = {};  // "name=url,..." of its members, self among them; empty: the voters
};

/// "https://address:port"
std::string peer_url(const std::string& address, std::uint16_t port);
std::string own_peer_url(const MemberConfig& config);

/// Every mistake as a sentence; empty when sound.
std::vector<std::string> check_member(const MemberConfig& config);
/// The whole command line, program first. Pre: check_member(config) is empty. etcd heeds the beginning only while it
/// has no data.
std::vector<std::string> member_arguments(const MemberConfig& config, const Beginning& beginning = {});
/// Two command lines that differ in the beginning only.
bool is_same_member(const std::vector<std::string>& one, const std::vector<std::string>& other);

/// <parent of data_directory>/etcd-tls, owned by root, readable by etcd's group only.
std::filesystem::path tls_directory(const MemberConfig& config);
/// Copies what etcd must read to tls_directory(): etcd runs without privileges, the originals are root's. Files belong
/// to the user, mode 0600; the directory to root, so that the user cannot replace them. Idempotent. Blocks.
/// Gives the version of the authorities, which is in the names of their copies: etcd reads certificates and keys anew
/// at each connection, but authorities at its start only, so a member with others has another command line.
Result<std::string> install_tls(const MemberConfig& config);
std::filesystem::path client_authority_file(const MemberConfig& config);
std::filesystem::path peer_authority_file(const MemberConfig& config);
/// Creates the data directory, owned by the user, 0700. Idempotent. Blocks.
Status prepare_data_directory(const MemberConfig& config);

}  // namespace gemel::adapters::etcd
