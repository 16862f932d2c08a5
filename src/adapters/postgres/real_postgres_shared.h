// The state behind RealPostgres, shared with its background tasks. Included by its sources only.
#pragma once

#include <string>
#include <utility>

#include "adapters/postgres/postgres_session.h"
#include "adapters/postgres/real_postgres.h"

namespace gemel::adapters::postgres {

struct RealPostgres::Shared {
  Shared(boost::asio::any_io_executor loop, PostgresConfig configuration, DataDirectory directory,
         runtime::Cgroup control_group)
      : executor(std::move(loop)),
        config(std::move(configuration)),
        files(std::move(directory)),
        cgroup(std::move(control_group)),
        probe(config.limits.probe_fresh),
        tasks(executor, "postgres") {}

  boost::asio::any_io_executor executor;
  PostgresConfig config;
  DataDirectory files;
  runtime::Cgroup cgroup;
  WriteProbe probe;
  std::shared_ptr<runtime::ChildProcess> child;  // the postmaster; null when none is known
  std::uint64_t generation = 0;                  // +1 whenever an action takes the processes into its hands
  std::function<void()> exit_listener;
  std::optional<PqConnection> observer;  // the kept session of observe(); taken out while in use
  std::shared_ptr<PqConnection> ready;   // opened for a promotion that is expected; null when none is
  TimePoint ready_at;
  core::PostgresFacts last;       // of the last complete observation
  std::optional<DiskFacts> disk;  // as read at `disk_read_at`; none once this program began to change the files
  TimePoint disk_read_at;
  std::uint64_t disk_changes = 0;  // +1 when a change begins and when it ends
  bool is_ending = false;          // of the group only a postmaster is left, and it has closed the database
  runtime::TaskScope tasks;
};

}  // namespace gemel::adapters::postgres
