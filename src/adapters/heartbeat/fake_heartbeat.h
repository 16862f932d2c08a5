// Heartbeats in memory, for tests of what uses them: the real conversation over a network without sockets or threads,
// with a clock that the test moves.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "adapters/heartbeat/conversation.h"
#include "adapters/heartbeat/heartbeat.h"

namespace gemel::adapters::heartbeat {

class FakeHeartbeat;

/// Joins fake heartbeats. Must outlive them. One thread. Packets arrive in the step they leave.
class FakeNetwork {
 public:
  explicit FakeNetwork(Duration interval, TimePoint start = {std::chrono::hours(1)})
      : interval_(interval), now_(start) {}
  /// A host with these peers; a second one of the same name takes the place of the first (a restart).
  std::unique_ptr<FakeHeartbeat> join(NodeId self, const std::vector<NodeId>& peers);
  /// Moves the clock in steps of a millisecond, delivering what is due and calling handlers.
  void advance(Duration time);
  [[nodiscard]] TimePoint now() const { return now_; }
  /// Packets of `from` no longer reach `to`, until healed.
  void cut(NodeId from, NodeId to) { cuts_.insert({std::move(from), std::move(to)}); }
  void heal() { cuts_.clear(); }

 private:
  friend class FakeHeartbeat;
  Duration interval_;
  TimePoint now_;
  std::map<NodeId, FakeHeartbeat*> hosts_;
  std::set<std::pair<NodeId, NodeId>> cuts_;
};

class FakeHeartbeat final : public Heartbeat {
 public:
  ~FakeHeartbeat() override;
  void say(Beat beat) override { conversation_.say(to_message(beat)); }
  void on_heard(std::function<void(Heard)> handler) override { handler_ = std::move(handler); }
  void collect() override;
  runtime::Task<TimePoint> quiesce() override;
  void resume(Epoch lowest) override { conversation_.resume(lowest); }
  [[nodiscard]] TimePoint last_confirmation() const override { return conversation_.last_confirmation(); }
  [[nodiscard]] HeartbeatStats stats() const override { return stats_; }

 private:
  friend class FakeNetwork;
  FakeHeartbeat(FakeNetwork& network, NodeId self, Conversation conversation)
      : network_(network), self_(std::move(self)), conversation_(std::move(conversation)) {}
  void speak();
  void hear(const NodeId& from, const Packet& packet);

  FakeNetwork& network_;
  NodeId self_;
  Conversation conversation_;
  std::function<void(Heard)> handler_;
  std::map<NodeId, Heard> quiet_;  // heard and not handed over yet
  HeartbeatStats stats_;
};

}  // namespace gemel::adapters::heartbeat
