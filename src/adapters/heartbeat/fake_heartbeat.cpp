// FakeNetwork and FakeHeartbeat: a Conversation per host, stepped by the test's clock.
#include "adapters/heartbeat/fake_heartbeat.h"

#include "base/check.h"

namespace gemel::adapters::heartbeat {

std::unique_ptr<FakeHeartbeat> FakeNetwork::join(NodeId self, const std::vector<NodeId>& peers) {
  GEMEL_CHECK(prepare_cryptography());
  std::vector<Name> names;
  for (const auto& peer : peers) names.emplace_back(peer.name);
  Conversation conversation("fake", Name(self.name), names, interval_, now_);
  std::unique_ptr<FakeHeartbeat> made(new FakeHeartbeat(*this, self, std::move(conversation)));
  hosts_[self] = made.get();
  return made;
}

void FakeNetwork::advance(Duration time) {
  const TimePoint end = now_ + time;
  while (now_ < end) {
    now_ = std::min(end, now_ + std::chrono::milliseconds(1));
    for (const auto& [name, host] : hosts_) host->speak();
  }
}

FakeHeartbeat::~FakeHeartbeat() {
  const auto found = network_.hosts_.find(self_);
  if (found != network_.hosts_.end() && found->second == this) network_.hosts_.erase(found);
}

runtime::Task<TimePoint> FakeHeartbeat::quiesce() {
  conversation_.quiesce();
  co_return conversation_.last_confirmation();
}

void FakeHeartbeat::speak() {
  for (std::size_t peer = 0; peer < conversation_.peers(); ++peer) {
    if (conversation_.due(peer) > network_.now_) continue;
    const Packet packet = conversation_.compose(peer, network_.now_);
    conversation_.was_sent(peer, packet, network_.now_);
    conversation_.was_tried(peer, network_.now_);
    ++stats_.sent;
    const NodeId to{std::string(conversation_.peer_name(peer).view())};
    const auto found = network_.hosts_.find(to);
    if (found != network_.hosts_.end() && !network_.cuts_.contains({self_, to})) found->second->hear(self_, packet);
  }
}

void FakeHeartbeat::hear(const NodeId& from, const Packet& packet) {
  const auto peer = conversation_.find_peer(hash_of(from.name));
  if (!peer) {
    ++stats_.not_authentic;
    return;
  }
  switch (conversation_.hear(*peer, packet, network_.now_)) {
    case Verdict::accepted:
      break;
    case Verdict::replayed:
      ++stats_.replayed;
      return;
    case Verdict::session_unknown:
      ++stats_.session_unknown;
      return;
    case Verdict::other_cluster:
      ++stats_.other_cluster;
      return;
  }
  ++stats_.heard;
  if (!packet.has_message) return;
  const auto& news = *conversation_.news(*peer);
  quiet_[from] = {from, to_beat(news.message), news.confirmed_send_time, news.heard_at};
  if (news.is_urgent) collect();
}

void FakeHeartbeat::collect() {
  if (!handler_) return;
  // A copy: the handler may set another one.
  const auto handler = handler_;
  for (const auto& [from, heard] : std::exchange(quiet_, {})) handler(heard);
}

}  // namespace gemel::adapters::heartbeat
