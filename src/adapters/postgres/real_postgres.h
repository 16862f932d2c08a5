// PostgresServer on a real PostgreSQL 15: processes in a cgroup, files in a data directory, sessions by the local
// socket. Split by concern: real_postgres.cpp (processes), _observe.cpp (facts), _role.cpp (promotion, names,
// upstream), _rebuild.cpp (bootstrap, rewind, clone).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/postgres/control_data.h"
#include "adapters/postgres/data_directory.h"
#include "adapters/postgres/postgres_config.h"
#include "adapters/postgres/postgres_server.h"
#include "adapters/postgres/pq_connection.h"
#include "adapters/postgres/write_probe.h"
#include "runtime/child_process.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::postgres {

/// See PostgresServer. After a restart of the agent the first observe() adopts a server that runs in the cgroup.
/// Destroying it leaves the server running.
class RealPostgres final : public PostgresServer {
 public:
  /// `invalid` for a wrong configuration; `denied`/`unavailable` when the cgroup cannot be made; `not_found` without
  /// the user. Touches nothing else. Blocks shortly.
  static Result<std::unique_ptr<RealPostgres>> create(boost::asio::any_io_executor executor, PostgresConfig config);
  ~RealPostgres() override;

  runtime::Task<Result<core::PostgresFacts>> observe() override;
  runtime::Task<Status> bootstrap() override;
  runtime::Task<Status> start(NodeId upstream, NodeSet names) override;
  runtime::Task<Status> follow(NodeId upstream) override;
  void expect_promotion() override;
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

 private:
  struct Shared;  // what the background tasks share with the object
  explicit RealPostgres(std::shared_ptr<Shared> shared);

  // Processes.
  static runtime::Task<void> watch(std::shared_ptr<Shared> shared, std::shared_ptr<runtime::ChildProcess> child,
                                   std::uint64_t generation);
  void watch_child(runtime::ChildProcess child);
  Status launch(std::vector<std::string> extra_arguments);
  runtime::Task<Status> wait_answering(Duration limit);
  runtime::Task<Status> end_all_processes();
  runtime::Task<bool> has_closed_database(pid_t postmaster, ControlData before);
  runtime::Task<bool> stop_politely(TimePoint deadline);
  runtime::Task<Status> wait_ended();
  void adopt(pid_t postmaster);
  static runtime::Task<void> renew(std::shared_ptr<Shared> shared, pid_t postmaster);
  [[nodiscard]] runtime::ChildSpec child_spec(std::vector<std::string> arguments) const;
  runtime::Task<Status> run_tool(std::vector<std::string> arguments, Duration limit);

  // Files on the pool.
  runtime::Task<Result<DiskFacts>> read_disk();
  runtime::Task<Result<DiskFacts>> recent_disk();
  runtime::Task<Status> on_disk(std::function<Status(const DataDirectory&)> work);
  runtime::Task<Result<ControlData>> read_control();

  // Sessions.
  runtime::Task<Result<std::shared_ptr<PqConnection>>> session(std::string database, Duration limit);
  static runtime::Task<void> open_ready_session(std::shared_ptr<Shared> shared);
  runtime::Task<Result<std::shared_ptr<PqConnection>>> promotion_session(Duration limit);
  [[nodiscard]] runtime::Task<Result<bool>> are_names_in_effect(NodeSet names, std::string shown);
  runtime::Task<Status> put_names_into_effect(NodeSet names, Duration limit);
  void wake_recovery(pid_t startup) const;
  runtime::Task<Status> wait_promoted(std::shared_ptr<PqConnection> session, pid_t startup, TimePoint deadline);
  runtime::Task<Status> ask_server(std::shared_ptr<core::PostgresFacts> facts, Duration limit);
  runtime::Task<Status> observe_running(std::shared_ptr<core::PostgresFacts> facts, DiskFacts disk);
  runtime::Task<Status> observe_stopped(std::shared_ptr<core::PostgresFacts> facts, DiskFacts disk);

  // Rebuilding.
  runtime::Task<Status> initialise();
  runtime::Task<Status> create_roles();
  runtime::Task<Status> check_source(NodeId source);

  std::shared_ptr<Shared> shared_;
};

}  // namespace gemel::adapters::postgres
