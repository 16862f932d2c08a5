// How a data directory comes to be: bootstrap, clone, rewind. Each lays a durable marker before the first change and
// removes it after the last, so that a directory in between is never started.
#include "adapters/postgres/configuration_files.h"
#include "adapters/postgres/real_postgres_shared.h"
#include "runtime/log.h"

namespace gemel::adapters::postgres {
using runtime::Task;
namespace {
constexpr Duration statement_limit = std::chrono::seconds(30);
// MB. A promotion copies the last segment to the new timeline and syncs it: 40 ms with PostgreSQL's own 16 MB, 21 ms
// with 4, 16 ms with 1; writing is not slower (docs/speed.md).
constexpr const char* wal_segments = "--wal-segsize=4";
}  // namespace

// --- bootstrap --------------------------------------------------------------------------------------------------

Task<Status> RealPostgres::bootstrap() {
  auto disk = co_await read_disk();
  if (!disk) co_return std::unexpected(disk.error());
  if (disk->has_rewind_marker) co_return fail(ErrorCode::refused, "a clone is unfinished here");
  if (disk->bootstrap == BootstrapPhase::complete && disk->has_data) co_return Status{};
  if (disk->has_data && disk->bootstrap == BootstrapPhase::none)
    co_return fail(ErrorCode::refused, "there is a data directory that bootstrap did not begin");
  auto begun =
      co_await on_disk([](const DataDirectory& files) { return files.set_bootstrap(BootstrapPhase::unfinished); });
  if (!begun) co_return begun;
  if (auto ended = co_await end_all_processes(); !ended) co_return ended;
  if (auto made = co_await initialise(); !made) co_return std::unexpected(made.error().with("bootstrap"));
  // The only start that is not a standby: nobody can reach it, no record names it, and the marker says wipe.
  if (auto launched = launch({"-c", "listen_addresses=", "-c", "synchronous_standby_names="}); !launched)
    co_return launched;
  auto status = co_await wait_answering(shared_->config.limits.bootstrap);
  if (status) status = co_await create_roles();
  auto stopped = co_await stop(statement_limit);
  if (!status) co_return std::unexpected(status.error().with("bootstrap"));
  if (!stopped) co_return std::unexpected(stopped.error());
  if (stopped->value == 0) co_return fail(ErrorCode::timed_out, "bootstrap: the new server did not stop by itself");
  co_return co_await on_disk([](const DataDirectory& files) {
    return in_order([&] { return files.lay_standby_signal(); },
                    [&] { return files.set_bootstrap(BootstrapPhase::complete); });
  });
}

Task<Status> RealPostgres::initialise() {
  auto prepared = co_await on_disk([](const DataDirectory& files) {
    return in_order([&] { return files.refuse_stranger(); }, [&] { return files.wipe(); },
                    [&] { return files.prepare_surroundings(); });
  });
  if (!prepared) co_return prepared;
  std::vector<std::string> arguments{"initdb", "-D", shared_->config.data_dir.string(), "-U", superuser_role};
  for (const char* more : {"--data-checksums", "--auth-local=peer", "--auth-host=reject", "--encoding=UTF8",
                           "--locale=C.UTF-8", "--no-instructions", wal_segments})
    arguments.emplace_back(more);
  auto made = co_await run_tool(std::move(arguments), shared_->config.limits.bootstrap);
  if (!made) co_return made;
  co_return co_await on_disk([](const DataDirectory& files) {
    return in_order([&] { return files.write_configuration(NodeId{}, NodeSet{}); },
                    [&] { return files.remove_stale_locks(); });
  });
}

Task<Status> RealPostgres::create_roles() {
  const PostgresConfig& config = shared_->config;
  auto in_template = co_await session("template1", statement_limit);
  if (!in_template) co_return std::unexpected(in_template.error());
  auto done = co_await (*in_template)->query(render_template_sql(), {}, statement_limit);
  if (!done) co_return std::unexpected(done.error().with("revoke in template1"));
  (*in_template)->close();  // CREATE DATABASE needs the template for itself
  auto opened = co_await session("postgres", statement_limit);
  if (!opened) co_return std::unexpected(opened.error());
  const auto main = *opened;
  RoleVerifiers verifiers;
  auto replication = main->scram_verifier(replication_role, config.replication_password);
  auto rewinding = main->scram_verifier(rewind_role, config.rewind_password);
  auto application = main->scram_verifier(config.application.user, config.application.password);
  if (!replication || !rewinding || !application) co_return fail(ErrorCode::invalid, "a password cannot be used");
  verifiers = {*replication, *rewinding, *application};
  for (const auto& sql : {render_template_sql(), render_roles_sql(config, verifiers), render_rewind_grants_sql(),
                          render_create_database_sql(config)}) {
    auto made = co_await main->query(sql, {}, statement_limit);
    if (!made) co_return std::unexpected(made.error().with("roles and database"));
  }
  co_return Status{};
}

// --- clone and rewind -------------------------------------------------------------------------------------------

/// Asked before anything is destroyed; needs no password.
Task<Status> RealPostgres::check_source(NodeId source) {
  const PostgresPeer* peer = shared_->config.find(source);
  if (peer == nullptr || source == shared_->config.self)
    co_return fail(ErrorCode::invalid, "not another database host: " + source.name);
  auto spec = child_spec({"pg_isready", "-q", "-t", "2", "-h", peer->address, "-p", std::to_string(peer->port)});
  spec.cgroup.reset();
  auto result = co_await runtime::run_command(std::move(spec), std::chrono::seconds(4));
  if (!result) co_return std::unexpected(result.error().with("pg_isready"));
  if (result->exit_code != 0) co_return fail(ErrorCode::unavailable, source.name + " does not accept sessions");
  co_return Status{};
}

Task<Status> RealPostgres::rewind(NodeId source) {
  auto disk = co_await read_disk();
  if (!disk) co_return std::unexpected(disk.error());
  if (disk->has_rewind_marker) co_return fail(ErrorCode::refused, "the directory is ruined: clone it");
  if (!disk->has_data || disk->bootstrap == BootstrapPhase::unfinished)
    co_return fail(ErrorCode::refused, "there is no data directory");
  if (auto reachable = co_await check_source(source); !reachable) co_return reachable;
  if (auto ended = co_await end_all_processes(); !ended) co_return ended;
  // Without standby.signal: pg_rewind runs crash recovery in single-user mode, which refuses to be a standby.
  auto marked = co_await on_disk([source](const DataDirectory& files) {
    return in_order(
        [&] { return files.refuse_stranger(); }, [&] { return files.set_rewind_marker("rewind from " + source.name); },
        [&] { return files.prepare_surroundings(); }, [&] { return files.write_configuration(NodeId{}, NodeSet{}); },
        [&] { return files.remove_standby_signal(); }, [&] { return files.remove_stale_locks(); });
  });
  if (!marked) co_return marked;
  shared_->last = {};  // positions on a branch that is being given up
  auto rewound = co_await run_tool({"pg_rewind", "-D", shared_->config.data_dir.string(),
                                    "--source-server=" + rewind_conninfo(shared_->config, source)},
                                   shared_->config.limits.rewind);
  auto ended = co_await end_all_processes();
  if (!rewound) co_return rewound;
  if (!ended) co_return ended;
  // The configuration is the source's now, and the epochs served here are gone with what they wrote.
  co_return co_await on_disk([source](const DataDirectory& files) {
    return in_order([&] { return files.write_configuration(source, NodeSet{}); },
                    [&] { return files.lay_standby_signal(); }, [&] { return files.remove_stale_locks(); },
                    [&] { return files.forget_served(); }, [&] { return files.set_bootstrap(BootstrapPhase::none); },
                    [&] { return files.clear_rewind_marker(); });
  });
}

Task<Status> RealPostgres::clone(NodeId source) {
  if (auto reachable = co_await check_source(source); !reachable) co_return reachable;
  if (auto ended = co_await end_all_processes(); !ended) co_return ended;
  auto marked = co_await on_disk([source](const DataDirectory& files) {
    return in_order([&] { return files.refuse_stranger(); },
                    [&] { return files.set_rewind_marker("clone from " + source.name); }, [&] { return files.wipe(); },
                    [&] { return files.set_bootstrap(BootstrapPhase::none); },
                    [&] { return files.prepare_surroundings(); });
  });
  if (!marked) co_return marked;
  shared_->last = {};
  auto copied = co_await run_tool({"pg_basebackup", "-D", shared_->config.data_dir.string(), "-X", "stream",
                                   "--checkpoint=fast", "-d", clone_conninfo(shared_->config, source)},
                                  shared_->config.limits.clone);
  auto ended = co_await end_all_processes();
  if (!copied) co_return copied;
  if (!ended) co_return ended;
  co_return co_await on_disk([source](const DataDirectory& files) {
    return in_order([&] { return files.write_configuration(source, NodeSet{}); },
                    [&] { return files.lay_standby_signal(); }, [&] { return files.remove_stale_locks(); },
                    [&] { return files.clear_rewind_marker(); });
  });
}

}  // namespace gemel::adapters::postgres
