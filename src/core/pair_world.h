// A small world for tests of the controller: two database hosts, one store, one client, virtual time, perfect
// determinism. It models what the rules rest on (names that wait, WAL that streams, a gate that shuts by itself, clocks
// of their own) and checks I1, I2, I3, I5 and I6 after every event: the first violation is kept and stops the world.
// The full fault simulator is a matter of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <utility>
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
  // the model's own
  double rate = 1.0;          // of this host's clock against the world's
  Duration offset{0};         // ... and where it began
  TimePoint frozen_until;     // world's clock: the agent's process is stopped
  std::size_t recovered = 0;  // rows in the log at the promotion: anybody may see them once the gate is open
  std::size_t verified = 0;   // so many acknowledged rows were found in the log
};

/// Ways to break the model itself, so that the checks are known to be able to fail.
enum class Mutant : std::uint8_t {
  none,
  acknowledges_without_names,  // commits do not wait for standbys
  promotes_without_names,      // promotion forgets the names in the configuration file
  gate_stays_open,             // the kernel forgets the time-out of the gate
};

/// What the world is like; fixed at its beginning.
struct Conditions {
  std::uint64_t seed = 7;
  std::map<std::string, double> clock_rates;  // absent: 1
  unsigned heartbeat_loss_percent = 0;
  Duration heartbeat_delay = std::chrono::milliseconds(1);  // at most; at random when above 1 ms
  Duration procedure_time = std::chrono::milliseconds(30);  // of PostgreSQL
  Duration store_time = std::chrono::milliseconds(3);
  bool has_local_clients = false;  // writers at every running primary, gate or no gate: I1 must hold by names alone
  Mutant mutant = Mutant::none;
};

class PairWorld {
 public:
  explicit PairWorld(Conditions conditions = {});
  PairWorld(const PairWorld&) = delete;  // what is queued refers to this world
  PairWorld& operator=(const PairWorld&) = delete;

  /// Stops early at a violation.
  void run_for(Duration time);
  /// Runs until `holds`, at most `limit`; false when it did not come true.
  bool run_until(const std::function<bool()>& holds, Duration limit);

  void kill_postgres(const std::string& name);
  void power_off(const std::string& name);
  void power_on(const std::string& name);
  void restart_agent(const std::string& name);
  void isolate(const std::string& name) { isolated_.insert(NodeId{name}); }
  void cut_heartbeats(const std::string& from, const std::string& to) { cut_.insert({NodeId{from}, NodeId{to}}); }
  void heal() {
    isolated_.clear();
    cut_.clear();
  }
  /// The agent's process stands still for so long, heartbeats included; PostgreSQL and the kernel go on.
  void freeze_agent(const std::string& name, Duration time);
  void set_store_up(bool is_up) { is_store_up_ = is_up; }
  /// The next transaction takes effect, its answer is lost.
  void lose_next_answer() { lose_answer_ = true; }
  /// The next transaction has no answer and is carried out so much later, perhaps after others.
  void delay_next_transaction(Duration time) { delay_transaction_ = time; }
  /// The next PostgreSQL procedure of this host ends with an unknown outcome, whether it took effect or not.
  void fail_next_procedure(const std::string& name, bool takes_effect) { failing_[NodeId{name}] = takes_effect; }
  void stop_heartbeats_between(bool is_stopped) { are_heartbeats_cut_ = is_stopped; }
  Answer switch_over(const std::string& from, const std::string& to);
  Answer pause(const std::string& holder, Duration length);
  Answer resume(const std::string& holder);
  /// Operator force at this host; confirmed or only asked for its report.
  Answer force(const std::string& name, bool is_confirmed);
  /// The same, when the agent may be down or frozen: nobody waits for the answer.
  void ask_switch_over(const std::string& from, const std::string& to) {
    feed(NodeId{from}, event::SwitchoverAsked{1, NodeId{to}});
  }
  /// Ends every fault but a host without power; heartbeats are prompt and none is lost.
  void calm();
  void tell(const std::string& line);

  [[nodiscard]] std::string primary() const;  // name of the host with an open gate, or empty
  [[nodiscard]] const Host& host(const std::string& name) const { return hosts_.at(NodeId{name}); }
  [[nodiscard]] const StoreView& store() const { return store_; }
  [[nodiscard]] const NodeSet& members() const { return store_.record->record.members; }
  /// Longest time between two acknowledged writes since the last call.
  Duration take_longest_gap();
  [[nodiscard]] std::size_t acknowledged() const { return acknowledged_.size(); }
  [[nodiscard]] const std::vector<std::string>& story() const { return story_; }
  /// The first violated invariant, or empty.
  [[nodiscard]] const std::string& violation() const { return violation_; }
  [[nodiscard]] bool is_powered(const std::string& name) const { return host(name).controller != nullptr; }
  /// A primary, the other one streams, both in S.
  [[nodiscard]] bool is_whole() const;

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
  Answer ask(const std::string& name, Event event);
  void begin(const NodeId& node, const Action& action);
  void at_once(const NodeId& node, const ActionKind& kind);
  void end(const NodeId& node, ActionId id, Certainty certainty, Payload payload = {});
  void perform_store(const NodeId& node, const Action& action);
  void swap(const NodeId& node, ActionId id, const action::SwapRecord& swap);
  /// Carries the transaction out: its revision, or nothing when it is refused.
  std::optional<Revision> commit(const action::SwapRecord& swap);
  void perform_postgres(const NodeId& node, const Action& action);
  void end_server(Host& host);
  void every_millisecond();
  void stream(const NodeId& node);
  void write_and_acknowledge();
  void acknowledge(const NodeId& node, Host& host);
  void remember(int row);
  void observe(const NodeId& node);
  void beat(const NodeId& node);
  void deliver(const NodeId& from, const NodeId& to, Beat beat, TimePoint sent, std::optional<TimePoint> confirms);
  void check();
  void violated(std::string what);
  [[nodiscard]] TimePoint clock(const Host& host) const;  // what this host's clock shows now
  [[nodiscard]] bool is_open(const Host& host) const;     // a client gets through to a primary
  [[nodiscard]] bool is_reachable(const NodeId& a, const NodeId& b) const {
    return !isolated_.contains(a) && !isolated_.contains(b);
  }
  [[nodiscard]] PostgresFacts facts(const Host& host) const;

  Conditions conditions_;
  Random random_;
  TimePoint now_{std::chrono::seconds(1)};
  std::uint64_t order_ = 0;
  std::priority_queue<Later> queue_;
  std::map<NodeId, Host> hosts_;
  StoreView store_;
  std::string intent_;
  std::int64_t revision_ = 1;
  NodeSet isolated_;
  std::set<std::pair<NodeId, NodeId>> cut_;  // from, to
  std::map<NodeId, bool> failing_;
  std::optional<Duration> delay_transaction_;
  bool is_store_up_ = true;
  bool lose_answer_ = false;
  bool are_heartbeats_cut_ = false;
  int next_row_ = 0;
  std::map<int, NodeId> unacknowledged_;  // row -> where it was written
  std::vector<int> acknowledged_;         // ascending
  TimePoint last_acknowledged_{std::chrono::seconds(1)};
  Duration longest_gap_{0};
  std::vector<std::string> story_;
  std::string violation_;
  std::vector<Answer> answers_;
  TimePoint checked_at_;
  std::int64_t checked_revision_ = 0;
};

}  // namespace gemel::core::testing
