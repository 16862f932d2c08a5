// PostgresServer in memory, for tests of the agent: several of them in one FakeWorld replicate to each other. It knows
// run states, timelines with their forks, names, markers and crashes; it knows no SQL, no files and no time.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/postgres/postgres_server.h"

namespace gemel::adapters::postgres {

class FakePostgres;

/// The servers that can reach each other. Owner: the test; outlives the servers.
struct FakeWorld {
  std::map<NodeId, FakePostgres*> nodes;
  std::uint64_t next_branch = 1;  // tells apart two promotions that chose the same timeline number
  std::uint32_t last_receiver = 0;
};

/// Same promises as the real one, except that actions end at once. `calls` is what the agent did, in order.
class FakePostgres final : public PostgresServer {
 public:
  FakePostgres(FakeWorld& world, NodeId self);
  ~FakePostgres() override;

  runtime::Task<Result<core::PostgresFacts>> observe() override;
  runtime::Task<Status> bootstrap() override;
  runtime::Task<Status> start(NodeId upstream, NodeSet names) override;
  runtime::Task<Status> follow(NodeId upstream) override;
  runtime::Task<Result<Promoted>> promote(NodeSet names, std::uint32_t timeline) override;
  runtime::Task<Result<NamesSet>> set_names(NodeSet names, bool with_barrier) override;
  runtime::Task<Status> checkpoint() override;
  runtime::Task<Result<Lsn>> stop(Duration limit) override;
  runtime::Task<Status> kill() override;
  runtime::Task<Status> rewind(NodeId source) override;
  runtime::Task<Status> clone(NodeId source) override;
  runtime::Task<Status> mark_served(Epoch epoch) override;
  runtime::Task<Status> emit_wal() override;
  void on_exit(std::function<void()> listener) override;
  runtime::Task<void> close() override;

  // What a test does to it.
  /// A client's commit of so many bytes. True when acknowledged: every name is streaming and has it.
  bool write(std::uint64_t bytes);
  void crash();                           // the processes are gone; the listener is told
  void set_reachable(bool is_reachable);  // replication to and from this node
  void set_write_probe_age(Duration age);
  /// The next call of the action ("start", "promote", …) ends with this error and has no effect.
  void fail_next(const std::string& action, Error error);

  std::vector<std::string> calls;

 private:
  struct Fork {
    std::uint32_t timeline;  // the one that ended
    Lsn at;
    std::uint64_t branch;  // identity of the ended one
    bool operator==(const Fork&) const = default;
  };
  Status enter(const std::string& action);
  [[nodiscard]] bool is_running() const;
  [[nodiscard]] bool can_follow(const FakePostgres& source) const;
  [[nodiscard]] FakePostgres* upstream_primary() const;
  void catch_up();
  void copy_from(const FakePostgres& source);
  Status refuse_unless_primary() const;

  FakeWorld& world_;
  NodeId self_;
  core::PostgresFacts facts_;
  std::vector<Fork> history_;
  std::uint64_t branch_ = 0;
  bool is_reachable_ = true;
  bool has_checkpointed_ = true;   // since the promotion; a rewind from this node needs it
  bool ended_as_primary_ = false;  // the last run was promoted
  std::map<std::string, std::deque<Error>> failures_;
  std::function<void()> exit_listener_;
};

}  // namespace gemel::adapters::postgres
