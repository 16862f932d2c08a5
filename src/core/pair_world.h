// A small world for tests of the controller: two database hosts, one store, one client, virtual time, perfect
// determinism. It models what the rules rest on (names that wait, WAL that streams, a gate that shuts by itself) and
// checks I1 and I5 after every event. The full fault simulator is a matter of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "core/controller.h"

namespace gemel::core::testing {

struct Host {
  std::unique_ptr<Controller> controller;  // empty: the agent is down
  // PostgreSQL on "disk"
  bool has_data = false;
  bool bootstrap_pending = false;
  std::vector<int> log;  // rows in WAL order; a position is a count
  std::uint32_t timeline = 1;
  Epoch served;
  // PostgreSQL running
  PostgresRun run = PostgresRun::absent;
  NodeId upstream;
  NodeSet names;
  std::map<NodeId, std::size_t> flushed;  // what each standby reported to this run
  // kernel
  TimePoint gate_until;
  bool has_address = false;
  // heartbeat thread
  std::optional<Beat> beat;
  Epoch lowest;
  bool is_quiesced = false;
  TimePoint last_confirmation;
  std::map<NodeId, TimePoint> to_confirm;  // newest send time heard of each peer
  std::uint64_t incarnation = 0;           // of host, agent and PostgreSQL: what was begun before is void
};

class PairWorld {
 public:
  PairWorld();

  void run_for(Duration time);
  /// Runs until `holds`, at most `limit`; false when it did not come true.
  bool run_until(const std::function<bool()>& holds, Duration limit);

  void kill_postgres(const std::string& name);
  void power_off(const std::string& name);
  void power_on(const std::string& name);
  void restart_agent(const std::string& name);
  void isolate(const std::string& name) { isolated_.insert(NodeId{name}); }
  void heal() { isolated_.clear(); }
  void set_store_up(bool is_up) { is_store_up_ = is_up; }
  /// The next transaction takes effect, its answer is lost.
  void lose_next_answer() { lose_answer_ = true; }
  void stop_heartbeats_between(bool is_stopped) { are_heartbeats_cut_ = is_stopped; }
  Answer switch_over(const std::string& from, const std::string& to);

  [[nodiscard]] std::string primary() const;  // name of the host with an open gate, or empty
  [[nodiscard]] const Host& host(const std::string& name) const { return hosts_.at(NodeId{name}); }
  [[nodiscard]] const StoreView& store() const { return store_; }
  [[nodiscard]] const NodeSet& members() const { return store_.record->record.members; }
  /// Longest time between two acknowledged writes since the last call.
  Duration take_longest_gap();
  [[nodiscard]] std::size_t acknowledged() const { return acknowledged_.size(); }
  [[nodiscard]] const std::vector<std::string>& story() const { return story_; }

 private:
  struct Later {
    TimePoint at;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const Later& other) const { return at != other.at ? at > other.at : order > other.order; }
  };
  void after(Duration delay, std::function<void()> what);
  void boot(const NodeId& node);
  void feed(const NodeId& node, Event event);
  void begin(const NodeId& node, const Action& action);
  void at_once(const NodeId& node, const ActionKind& kind);
  void end(const NodeId& node, ActionId id, Certainty certainty, Payload payload = {});
  void perform_store(const NodeId& node, const Action& action);
  void swap(const NodeId& node, ActionId id, const action::SwapRecord& swap);
  void perform_postgres(const NodeId& node, const Action& action);
  void end_server(Host& host);
  void every_millisecond();
  void stream(const NodeId& node);
  void write_and_acknowledge();
  void observe(const NodeId& node);
  void beat(const NodeId& node);
  void deliver(const NodeId& from, const NodeId& to, Beat beat, TimePoint sent, std::optional<TimePoint> confirms);
  void check();
  [[nodiscard]] bool is_reachable(const NodeId& a, const NodeId& b) const {
    return !isolated_.contains(a) && !isolated_.contains(b);
  }
  [[nodiscard]] PostgresFacts facts(const Host& host) const;

  TimePoint now_{std::chrono::seconds(1)};
  std::uint64_t order_ = 0;
  std::priority_queue<Later> queue_;
  std::map<NodeId, Host> hosts_;
  StoreView store_;
  std::string intent_;
  std::int64_t revision_ = 1;
  NodeSet isolated_;
  bool is_store_up_ = true;
  bool lose_answer_ = false;
  bool are_heartbeats_cut_ = false;
  int next_row_ = 0;
  std::map<int, NodeId> unacknowledged_;  // row -> where it was written
  std::vector<int> acknowledged_;         // ascending
  TimePoint last_acknowledged_{std::chrono::seconds(1)};
  Duration longest_gap_{0};
  std::vector<std::string> story_;
  std::vector<Answer> answers_;
  TimePoint checked_at_;
  std::int64_t checked_revision_ = 0;
};

}  // namespace gemel::core::testing
