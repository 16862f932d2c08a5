#include "agent/voter_role.h"

#include <algorithm>
#include <chrono>

#include "agent/store_role.h"
#include "runtime/child_process.h"
#include "runtime/log.h"

namespace gemel::agent {
namespace {

adapters::etcd::MemberConfig member_config(const site::HostConfig& config, std::filesystem::path cgroup) {
  adapters::etcd::MemberConfig member;
  member.site = config.site;
  member.name = config.self().id();
  for (const auto& host : config.hosts_with(site::Concept::voter))
    member.peers.push_back({host.id(), host.address, config.ports.etcd_peer, config.ports.etcd_client});
  member.address = config.self().address;
  member.client_port = config.ports.etcd_client;
  member.peer_port = config.ports.etcd_peer;
  // In step with the heartbeats: 50/500 ms by default, 20/200 ms with the fast profile (both measured); etcd itself
  // advises against less than 10 ms, and more than 100 ms would only lengthen an election.
  member.heartbeat =
      std::clamp<Duration>(config.timers.hb, std::chrono::milliseconds(20), std::chrono::milliseconds(100));
  member.election = 10 * member.heartbeat;
  member.data_directory = config.directories.state / "etcd";
  member.cgroup = std::move(cgroup);
  member.server_tls = {config.pki("etcd-ca.crt"), config.pki("etcd-server.crt"), config.pki("etcd-server.key")};
  member.peer_tls = {config.pki("etcd-ca.crt"), config.pki("etcd-peer.crt"), config.pki("etcd-peer.key")};
  member.client_tls = {config.pki("etcd-ca.crt"), config.pki("etcd-client.crt"), config.pki("etcd-client.key")};
  return member;
}

}  // namespace

VoterRole::VoterRole(boost::asio::any_io_executor executor, NodeId self, std::function<bool()> is_holder_here)
    : self_(std::move(self)), is_holder_here_(std::move(is_holder_here)), tasks_(executor, "voter") {}

Result<std::unique_ptr<VoterRole>> VoterRole::start(boost::asio::any_io_executor executor,
                                                    const site::HostConfig& config,
                                                    std::function<bool()> is_holder_here) {
  const auto own = runtime::Cgroup::own_directory();
  if (!own) return std::unexpected(own.error());
  std::unique_ptr<VoterRole> role(new VoterRole(executor, config.self().id(), std::move(is_holder_here)));
  auto member = adapters::etcd::EtcdMember::create(executor, member_config(config, *own / "etcd"));
  if (!member) return std::unexpected(member.error().with("etcd"));
  role->member_ = std::move(*member);
  auto store = open_store(executor, config);
  if (!store) return std::unexpected(store.error().with("etcd client"));
  role->store_ = std::move(*store);
  role->member_->start();
  role->tasks_.spawn("leadership", role->keep_leadership_away());
  role->tasks_.spawn("answer", role->wait_for_answer());
  return role;
}

runtime::Task<void> VoterRole::keep_leadership_away() {
  while (true) {
    co_await runtime::sleep_to_beat(std::chrono::seconds(1));
    if (!is_holder_here_() || store_->quorum().leader != self_) continue;
    const auto moved = co_await member_->move_leader_away({self_}, std::chrono::seconds(1));
    if (!moved)
      runtime::log_warn("cannot move etcd's leadership away from the primary's host: " + moved.error().to_string());
  }
}

runtime::Task<void> VoterRole::wait_for_answer() {
  while (!has_answered_) {
    co_await runtime::sleep_for(std::chrono::milliseconds(50));
    // What an earlier agent left runs for us only when it is adopted, or ended and started anew.
    if (!member_->is_running()) continue;
    has_answered_ = (co_await member_->local_status(std::chrono::seconds(1))).has_value();
  }
}

runtime::Task<void> VoterRole::stop() {
  co_await tasks_.stop(std::chrono::seconds(1));
  co_await store_->stop(std::chrono::seconds(1));
  if (const auto stopped = co_await member_->stop(std::chrono::seconds(3)); !stopped) {
    runtime::log_warn("etcd did not stop: " + stopped.error().to_string());
  }
}

}  // namespace gemel::agent
