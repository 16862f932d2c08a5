// Two working parts of database hosts in one loop, over fakes of everything they drive. Real time with short timers:
// the loop's clock is the fakes' clock.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "adapters/address/fake_address.h"
#include "adapters/etcd/fake_store.h"
#include "adapters/gate/fake_gate.h"
#include "adapters/heartbeat/fake_heartbeat.h"
#include "adapters/postgres/fake_postgres.h"
#include "adapters/service/fake_probe.h"
#include "agent/database_node.h"
#include "agent/testing_folder.h"
#include "runtime/test_loop.h"

namespace gemel::agent::testing {

using runtime::Task;

/// A FakePostgres whose calls can be held: observe() after it has looked, an action before it does anything.
class HeldPostgres final : public adapters::postgres::PostgresServer {
 public:
  HeldPostgres(boost::asio::any_io_executor executor, adapters::postgres::FakeWorld& world, NodeId self)
      : fake(world, std::move(self)), executor_(std::move(executor)) {}

  /// Calls of this name wait from now on, until let go.
  void hold(const std::string& call) {
    held_[call] = std::make_shared<boost::asio::steady_timer>(executor_, boost::asio::steady_timer::time_point::max());
  }
  void let_go(const std::string& call) { held_.erase(call); }
  [[nodiscard]] bool is_waiting(const std::string& call) const { return waiting_.contains(call); }
  [[nodiscard]] bool is_any_waiting() const { return !waiting_.empty(); }

  Task<Result<core::PostgresFacts>> observe() override {
    auto facts = co_await fake.observe();
    const bool was_held = held_.contains("observe");
    co_await wait("observe");
    if (was_held && facts) facts->write_probe_age = mark;
    co_return facts;
  }
  Task<Status> bootstrap() override { return plain("bootstrap", fake.bootstrap()); }
  Task<Status> start(NodeId upstream, NodeSet names) override {
    return plain("start", fake.start(std::move(upstream), std::move(names)));
  }
  Task<Status> follow(NodeId upstream) override { return plain("follow", fake.follow(std::move(upstream))); }
  Task<Result<adapters::postgres::Promoted>> promote(NodeSet names, std::uint32_t timeline) override {
    return plain("promote", fake.promote(std::move(names), timeline));
  }
  Task<Result<adapters::postgres::NamesSet>> set_names(NodeSet names, bool with_barrier) override {
    return plain("set_names", fake.set_names(std::move(names), with_barrier));
  }
  Task<Status> checkpoint() override { return plain("checkpoint", fake.checkpoint()); }
  Task<Result<Lsn>> stop(Duration limit) override { return plain("stop", fake.stop(limit)); }
  Task<Status> kill() override { return plain("kill", fake.kill()); }
  Task<Status> rewind(NodeId source) override { return plain("rewind", fake.rewind(std::move(source))); }
  Task<Status> clone(NodeId source) override { return plain("clone", fake.clone(std::move(source))); }
  Task<Status> mark_served(Epoch epoch) override { return plain("mark_served", fake.mark_served(epoch)); }
  Task<Status> emit_wal() override { return plain("emit_wal", fake.emit_wal()); }
  void on_exit(std::function<void()> listener) override { fake.on_exit(std::move(listener)); }
  Task<void> close() override { return fake.close(); }

  /// An observation that was held carries this as its write_probe_age, which changes no decision.
  static constexpr Duration mark{1234};
  adapters::postgres::FakePostgres fake;
  int overlaps = 0;  // actions begun before the one before had ended

 private:
  template <typename T>
  Task<T> plain(std::string call, Task<T> action) {
    if (is_acting_) ++overlaps;
    is_acting_ = true;
    struct Ends {
      bool& is_acting;
      ~Ends() { is_acting = false; }
    };
    const Ends ends{is_acting_};
    if (!co_await wait(call)) co_return fail(ErrorCode::cancelled, call + " was cancelled");
    co_return co_await std::move(action);
  }
  /// False when cancelled meanwhile.
  Task<bool> wait(std::string call) {
    const auto hold = held_.find(call);
    if (hold == held_.end()) co_return true;
    const std::weak_ptr<boost::asio::steady_timer> timer = hold->second;
    waiting_.insert(call);
    co_await hold->second->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    waiting_.erase(call);
    co_return timer.expired();
  }

  boost::asio::any_io_executor executor_;
  std::map<std::string, std::shared_ptr<boost::asio::steady_timer>> held_;
  std::set<std::string> waiting_;
  bool is_acting_ = false;
};

/// One host: the fakes belong to `node`.
struct TestNode {
  HeldPostgres* postgres = nullptr;
  adapters::etcd::FakeStore* store = nullptr;
  adapters::gate::FakeGate* gate = nullptr;
  adapters::address::FakeAddress* address = nullptr;
  adapters::service::FakeProbe* service = nullptr;
  std::filesystem::path inputs_file;
  std::unique_ptr<EventLog> events;
  std::unique_ptr<InputRing> inputs;
  std::unique_ptr<DatabaseNode> node;

  [[nodiscard]] adapters::postgres::FakePostgres& server() const { return postgres->fake; }
  [[nodiscard]] const core::State& state() const { return node->state(); }
  [[nodiscard]] bool is_primary() const { return state().is_serving() && gate->is_open().value_or(false); }
  [[nodiscard]] std::size_t count(const std::string& rule) const {
    const auto all = events->after(0);
    return static_cast<std::size_t>(std::ranges::count(all, rule, &api::Event::rule));
  }
};

class Pair : public ::testing::Test {
 protected:
  Pair() : network(timers().hb, runtime::boot_now()) {
    for (std::uint8_t number = 1; number <= 2; ++number) add(number);
  }

  /// Long enough that a busy machine is not taken for a dead host.
  static core::Timers timers() {
    core::Timers timers;
    timers.hb = std::chrono::milliseconds(20);
    timers.suspect = std::chrono::milliseconds(1500);
    timers.lease = std::chrono::milliseconds(2000);
    timers.grace = std::chrono::milliseconds(2600);
    timers.stable = std::chrono::milliseconds(50);
    return timers;
  }
  static core::Config config() { return {{NodeId{"db1"}, NodeId{"db2"}}, NodeId{"db1"}, "cluster", timers(), 1}; }

  /// Runs the body with both nodes started, and stops them after it.
  void run(Task<void> body) {
    ASSERT_TRUE(core::check_config(NodeId{"db1"}, config()).empty());
    loop.run(around(this, std::move(body)));
    for (const auto& [name, host] : hosts) EXPECT_EQ(host.postgres->overlaps, 0) << name;
  }
  /// True as soon as `holds`; false when that took too long.
  static Task<bool> until(std::function<bool()> holds) {
    const auto deadline = runtime::boot_now() + std::chrono::seconds(12);
    while (!holds()) {
      if (runtime::boot_now() > deadline) co_return false;
      co_await runtime::sleep_for(std::chrono::milliseconds(1));
    }
    co_return true;
  }
  /// `primary` serves, both hosts are in S, and nothing is being done any more.
  Task<bool> becomes_whole(std::string primary) {
    return until([this, primary] {
      const auto& record = backend->view.record;
      return hosts.at(primary).is_primary() && record && record->record.members.size() == 2 &&
             record->record.state == core::RecordState::normal && db1.state().slots.empty() &&
             db2.state().slots.empty() && db1.state().revision() == record->revision;
    });
  }

  runtime::TestLoop loop;
  Folder folder;
  adapters::postgres::FakeWorld world;
  std::shared_ptr<adapters::etcd::FakeBackend> backend = std::make_shared<adapters::etcd::FakeBackend>();
  adapters::heartbeat::FakeNetwork network;
  adapters::address::FakeLink link;
  adapters::address::Address vip{"10.77.0.100", 0, "eth0"};
  std::map<std::string, TestNode> hosts;
  TestNode& db1 = hosts["db1"];
  TestNode& db2 = hosts["db2"];

 private:
  void add(std::uint8_t number) {
    const NodeId self{"db" + std::to_string(number)};
    const NodeId other{"db" + std::to_string(3 - number)};
    auto& host = hosts[self.name];
    DatabaseParts parts;
    auto postgres = std::make_unique<HeldPostgres>(loop.executor(), world, self);
    auto store = std::make_unique<adapters::etcd::FakeStore>(backend);
    auto gate = std::make_unique<adapters::gate::FakeGate>([] { return runtime::boot_now(); });
    auto address =
        std::make_unique<adapters::address::FakeAddress>(link, adapters::address::Mac{2, 0, 0, 0, 0, number});
    auto service =
        std::make_unique<adapters::service::FakeProbe>(std::vector<std::string>{"192.0.2.1", "192.0.2.2", "192.0.2.3"});
    host.postgres = postgres.get();
    host.store = store.get();
    host.gate = gate.get();
    host.address = address.get();
    host.service = service.get();
    parts.postgres = std::move(postgres);
    parts.store = std::move(store);
    parts.heartbeat = network.join(self, {other});
    parts.gate = std::move(gate);
    parts.address = std::move(address);
    parts.addresses = {vip};
    parts.service = std::move(service);
    host.inputs_file = folder / (self.name + ".inputs");
    host.events = std::make_unique<EventLog>(folder / (self.name + ".events"), self.name);
    host.inputs = std::make_unique<InputRing>(host.inputs_file);
    host.node = std::make_unique<DatabaseNode>(loop.executor(), self, config(), number, std::move(parts), *host.events,
                                               *host.inputs);
  }

  static Task<void> around(Pair* pair, Task<void> body) {
    runtime::TaskScope tasks(pair->loop.executor(), "pair");
    tasks.spawn("network", keep_talking(&pair->network));
    for (auto& [name, host] : pair->hosts) {
      EXPECT_TRUE(co_await host.gate->install(adapters::gate::InstallMode::shut));
      host.node->start();
    }
    co_await std::move(body);
    for (auto& [name, host] : pair->hosts) co_await host.node->stop(std::chrono::seconds(3));
    co_await tasks.stop(std::chrono::seconds(1));
  }
  static Task<void> keep_talking(adapters::heartbeat::FakeNetwork* network) {
    while (true) {
      if (const auto now = runtime::boot_now(); now > network->now()) network->advance(now - network->now());
      co_await runtime::sleep_for(std::chrono::milliseconds(1));
    }
  }
};

}  // namespace gemel::agent::testing
