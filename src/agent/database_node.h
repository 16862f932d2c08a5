// A database host's working part: feeds the controller with what the adapters observe and carries out what it decides.
// No decision is made here: an `if` about cluster state belongs in core.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "adapters/address/address.h"
#include "adapters/etcd/record_store.h"
#include "adapters/gate/gate.h"
#include "adapters/heartbeat/heartbeat.h"
#include "adapters/postgres/postgres_server.h"
#include "adapters/service/service_probe.h"
#include "agent/event_log.h"
#include "agent/failover_phases.h"
#include "agent/gate_keeper.h"
#include "agent/input_ring.h"
#include "core/controller.h"
#include "runtime/task_scope.h"

namespace gemel::agent {

struct DatabaseParts {
  std::unique_ptr<adapters::postgres::PostgresServer> postgres;
  std::unique_ptr<adapters::etcd::RecordStore> store;
  std::unique_ptr<adapters::heartbeat::Heartbeat> heartbeat;
  std::unique_ptr<adapters::gate::Gate> gate;
  std::unique_ptr<adapters::address::AddressKeeper> address;
  std::vector<adapters::address::Address> addresses;              // the virtual addresses
  std::unique_ptr<adapters::service::ServiceProbe> service = {};  // null: the clients' side is not looked at
};

/// Loop thread only. Lives as long as the agent; stop() before destroying it.
class DatabaseNode {
 public:
  DatabaseNode(boost::asio::any_io_executor executor, NodeId self, core::Config config, std::uint64_t seed,
               DatabaseParts parts, EventLog& events, InputRing& inputs);
  ~DatabaseNode();

  /// Begins to observe and to decide. The gate must be installed.
  void start();
  /// Asks the controller to hand over and stop PostgreSQL, and waits at most `limit` for it. Then nothing runs any
  /// more. Again: returns at once.
  runtime::Task<void> stop(Duration limit);
  /// Asks for a switchover; the answer says whether it was accepted.
  core::Answer switch_over(NodeId to);
  /// Pause, its end, and a take-over by force, as core/event.h defines them; `ask` is filled in here.
  core::Answer pause(core::event::PauseAsked asked);
  core::Answer resume(std::string by);
  core::Answer force(std::string by, bool confirmed_fenced);

  [[nodiscard]] const core::State& state() const { return controller_.state(); }
  [[nodiscard]] const DatabaseParts& parts() const { return parts_; }
  /// Every virtual address is here.
  [[nodiscard]] bool is_address_held() const { return is_address_wanted_ && taken_.size() == parts_.addresses.size(); }
  [[nodiscard]] const FailoverPhases& failover() const { return phases_; }
  /// What is being done in the postgres slot, for the status; empty when nothing.
  [[nodiscard]] std::string doing() const;
  /// Why PostgreSQL here could not be made, started, rewound or copied the last time it was tried; empty when it could.
  [[nodiscard]] const std::string& obstacle() const { return obstacle_; }

 private:
  void feed(core::Event event);
  template <typename Asked>
  core::Answer ask(Asked asked);
  void step(core::Event event);
  void carry_out(const core::Output& output);
  void report_failover();
  void begin(const core::Action& action);
  void prepare(const core::ActionKind& kind);
  void at_once(const core::ActionKind& kind);
  runtime::Task<void> run(core::Action action, std::shared_ptr<runtime::TaskScope> before);
  runtime::Task<core::event::ActionEnded> perform_store(core::Action action);
  runtime::Task<core::event::ActionEnded> perform_postgres(core::Action action);
  runtime::Task<core::event::ActionEnded> perform_heartbeat(core::Action action);
  runtime::Task<void> observe();
  runtime::Task<void> tick();
  runtime::Task<void> watch_service();
  runtime::Task<void> end_actions(Duration limit);
  runtime::Task<void> take_address(adapters::address::Address address, Epoch epoch);
  runtime::Task<void> ask_for_address(adapters::address::Address address);
  void drop_address();
  void report_obstacle(const core::ActionKind& kind, const core::event::ActionEnded& ended);
  void report_gate(const GateKeeper::Outcome& outcome, const char* what);

  boost::asio::any_io_executor executor_;
  core::Controller controller_;
  DatabaseParts parts_;
  GateKeeper gate_;
  EventLog& events_;
  FailoverPhases phases_;
  InputRing& inputs_;
  boost::asio::steady_timer wake_;
  boost::asio::steady_timer look_;  // cancelled to observe PostgreSQL at once
  std::deque<core::Event> waiting_;
  bool is_stepping_ = false;
  bool is_over_ = false;  // stop() came to its end
  std::map<core::ActionId, std::shared_ptr<runtime::TaskScope>> running_;
  std::shared_ptr<runtime::TaskScope> last_postgres_;
  std::uint64_t run_changes_ = 0;  // begun or ended actions that change what runs: an observation across one is void
  int run_changing_ = 0;           // such actions in progress
  bool is_address_wanted_ = false;
  Epoch address_epoch_;                                        // for which it is wanted
  std::set<adapters::address::Address> taken_;                 // really here
  std::map<adapters::address::Address, TimePoint> unclaimed_;  // nobody else answered for it then
  bool is_gate_broken_ = false;
  std::string obstacle_;
  std::uint64_t next_ask_ = 1;
  std::map<std::uint64_t, core::Answer> answers_;
  runtime::TaskScope tasks_;
};

}  // namespace gemel::agent
