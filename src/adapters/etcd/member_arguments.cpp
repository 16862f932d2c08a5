// The command line of an etcd member, rendered from its configuration. Pure: starts nothing.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "adapters/etcd/member_config.h"
#include "base/text.h"

namespace gemel::adapters::etcd {
namespace {

std::string milliseconds(Duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

constexpr std::string_view beginning_prefix = "--initial-cluster";

std::string all_voters(const MemberConfig& config) {
  std::vector<std::string> parts;
  for (const MemberPeer& peer : config.peers) parts.push_back(peer.name.name + "=" + peer_url(peer.address, peer.port));
  return join(parts, ",");
}

void add_tls(const MemberConfig& config, std::vector<std::string>& arguments) {
  const auto folder = tls_directory(config).string();
  arguments.insert(arguments.end(),
                   {"--client-cert-auth=true", "--trusted-ca-file=" + client_authority_file(config).string(),
                    "--cert-file=" + folder + "/server.crt", "--key-file=" + folder + "/server.key",
                    "--peer-client-cert-auth=true", "--peer-trusted-ca-file=" + peer_authority_file(config).string(),
                    "--peer-cert-file=" + folder + "/peer.crt", "--peer-key-file=" + folder + "/peer.key"});
}

std::string suffix_of(const MemberConfig& config) {
  return config.authority_version.empty() ? "" : "-" + config.authority_version;
}

std::vector<std::string> without_beginning(std::vector<std::string> arguments) {
  std::erase_if(arguments, [](const std::string& argument) { return argument.starts_with(beginning_prefix); });
  return arguments;
}

}  // namespace

std::string peer_url(const std::string& address, std::uint16_t port) {
  return address.contains(':') ? fmt::format("https://[{}]:{}", address, port)
                               : fmt::format("https://{}:{}", address, port);
}

std::string own_peer_url(const MemberConfig& config) { return peer_url(config.address, config.peer_port); }

bool is_same_member(const std::vector<std::string>& one, const std::vector<std::string>& other) {
  return without_beginning(one) == without_beginning(other);
}

std::filesystem::path client_authority_file(const MemberConfig& config) {
  return tls_directory(config) / fmt::format("client-ca{}.crt", suffix_of(config));
}

std::filesystem::path peer_authority_file(const MemberConfig& config) {
  return tls_directory(config) / fmt::format("peer-ca{}.crt", suffix_of(config));
}

std::filesystem::path tls_directory(const MemberConfig& config) {
  return config.data_directory.parent_path() / "etcd-tls";
}

std::vector<std::string> check_member(const MemberConfig& config) {
  std::vector<std::string> mistakes;
  const auto self = std::ranges::find(config.peers, config.name, &MemberPeer::name);
  if (config.site.empty()) mistakes.emplace_back("etcd: the site has no name");
  if (self == config.peers.end())
    mistakes.push_back("etcd: " + config.name.name + " is not one of the voters");
  else if (self->address != config.address || self->port != config.peer_port)
    mistakes.push_back("etcd: the voters' list names another address or port for " + config.name.name);
  if (config.peers.size() % 2 == 0) mistakes.emplace_back("etcd: the number of voters must be odd (1, 3 or 5)");
  if (config.heartbeat <= Duration::zero() || config.election < 5 * config.heartbeat)
    mistakes.emplace_back("etcd: the election time must be at least 5 heartbeats");
  if (!config.data_directory.is_absolute()) mistakes.emplace_back("etcd: the data directory is not an absolute path");
  return mistakes;
}

std::vector<std::string> member_arguments(const MemberConfig& config, const Beginning& beginning) {
  const std::string client_url = peer_url(config.address, config.client_port);
  const std::string own_url = own_peer_url(config);
  std::vector<std::string> arguments{
      config.program.string(),
      "--name=" + config.name.name,
      "--data-dir=" + config.data_directory.string(),
      "--listen-client-urls=" + client_url,
      "--advertise-client-urls=" + client_url,
      "--listen-peer-urls=" + own_url,
      "--initial-advertise-peer-urls=" + own_url,
      "--initial-cluster=" + (beginning.cluster.empty() ? all_voters(config) : beginning.cluster),
      "--initial-cluster-token=gemel-" + config.site,
      std::string("--initial-cluster-state=") + (beginning.is_joining ? "existing" : "new"),
      "--heartbeat-interval=" + milliseconds(config.heartbeat),
      "--election-timeout=" + milliseconds(config.election),
      "--pre-vote=true",  // off by default in 3.4: a member that comes back would depose the leader
      "--auto-compaction-mode=periodic",
      "--auto-compaction-retention=10m",
      "--quota-backend-bytes=" + std::to_string(config.quota_bytes),
      "--snapshot-count=10000",
      "--enable-v2=false",
      "--logger=zap",
      "--log-level=warn",
      "--log-outputs=stderr"};
  add_tls(config, arguments);
  if (config.metrics_port != 0)
    arguments.push_back(fmt::format("--listen-metrics-urls=http://127.0.0.1:{}", config.metrics_port));
  return arguments;
}

}  // namespace gemel::adapters::etcd
