// The processes of the server: start, stop, kill, watch, adopt. What they do for replication is in the other sources.
#include "adapters/postgres/real_postgres.h"

#include <algorithm>
#include <csignal>

#include "adapters/postgres/configuration_files.h"
#include "adapters/postgres/real_postgres_shared.h"
#include "base/text.h"
#include "runtime/log.h"

namespace gemel::adapters::postgres {
using runtime::Task;
namespace {
constexpr Duration poll_step = std::chrono::milliseconds(1);  // a failover waits; a look takes a tenth of that
constexpr Duration ending_limit = std::chrono::seconds(1);
constexpr Duration answer_step = std::chrono::milliseconds(5);
}  // namespace

Result<std::unique_ptr<RealPostgres>> RealPostgres::create(boost::asio::any_io_executor executor,
                                                           PostgresConfig config) {
  if (const auto wrong = validate(config); !wrong.empty()) return fail(ErrorCode::invalid, join(wrong, "; "));
  auto files = DataDirectory::open(config);
  if (!files) return std::unexpected(files.error());
  auto cgroup = runtime::Cgroup::open(config.cgroup);
  if (!cgroup) return std::unexpected(cgroup.error().with("cgroup for PostgreSQL"));
  auto shared = std::make_shared<Shared>(executor, config, std::move(*files), std::move(*cgroup));
  shared->tasks.spawn("write probe", shared->probe.run(executor, std::move(config)));
  return std::unique_ptr<RealPostgres>(new RealPostgres(std::move(shared)));
}

RealPostgres::RealPostgres(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
RealPostgres::~RealPostgres() {
  shared_->exit_listener = nullptr;
  shared_->probe.finish();
  shared_->tasks.cancel();  // they share the state, so they must end for it to go
}

void RealPostgres::on_exit(std::function<void()> listener) { shared_->exit_listener = std::move(listener); }

Task<void> RealPostgres::close() {
  const auto shared = shared_;
  shared->exit_listener = nullptr;
  shared->probe.finish();
  shared->observer.reset();
  (void)co_await wait_ended();  // a failure is the kernel's: nothing more can be done
  co_await shared->tasks.stop(std::chrono::seconds(2));
}

Task<Result<DiskFacts>> RealPostgres::read_disk() {
  return blocking<Result<DiskFacts>>([files = shared_->files] { return files.read(); });
}

/// Under a running server nobody but this program changes these files, and it knows when it does. Whoever does all the
/// same is seen a second later.
Task<Result<DiskFacts>> RealPostgres::recent_disk() {
  constexpr auto fresh = std::chrono::seconds(1);
  const TimePoint now = runtime::boot_now();
  const bool is_running = shared_->child && shared_->child->is_running();
  if (is_running && shared_->disk && now - shared_->disk_read_at < fresh) co_return *shared_->disk;
  const auto changes = shared_->disk_changes;
  auto read = co_await read_disk();
  shared_->disk.reset();
  if (read && changes == shared_->disk_changes) shared_->disk = *read;
  shared_->disk_read_at = now;
  co_return read;
}

Task<Status> RealPostgres::on_disk(std::function<Status(const DataDirectory&)> work) {
  const auto shared = shared_;
  shared->disk.reset();
  ++shared->disk_changes;
  const auto done = co_await blocking<Status>([files = shared->files, work = std::move(work)] { return work(files); });
  ++shared->disk_changes;
  co_return done;
}

Task<Result<std::shared_ptr<PqConnection>>> RealPostgres::session(std::string database, Duration limit) {
  auto opened = co_await open_session(shared_->executor, shared_->config, database, limit);
  if (!opened) co_return std::unexpected(opened.error());
  co_return std::make_shared<PqConnection>(std::move(*opened));
}

runtime::ChildSpec RealPostgres::child_spec(std::vector<std::string> arguments) const {
  const PostgresConfig& config = shared_->config;
  runtime::ChildSpec spec;
  spec.arguments = std::move(arguments);
  spec.arguments[0] = (config.bin_dir / spec.arguments[0]).string();
  spec.environment = {{"LC_ALL", "C"}, {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"TZ", "UTC"}};
  spec.user = config.os_user;
  spec.cgroup = shared_->cgroup.directory();
  return spec;
}

Task<Status> RealPostgres::run_tool(std::vector<std::string> arguments, Duration limit) {
  const std::string name = arguments[0];
  auto result = co_await runtime::run_command(child_spec(std::move(arguments)), limit);
  if (!result) co_return std::unexpected(result.error().with(name));
  if (result->exit_code == 0) co_return Status{};
  co_return fail(ErrorCode::unavailable,
                 name + " ended with " + std::to_string(result->exit_code) + ": " + std::string(trim(result->output)));
}

// --- the postmaster ---------------------------------------------------------------------------------------------

void RealPostgres::watch_child(runtime::ChildProcess child) {
  ++shared_->generation;
  shared_->is_ending = false;
  shared_->child = std::make_shared<runtime::ChildProcess>(std::move(child));
  shared_->tasks.spawn("watch", watch(shared_, shared_->child, shared_->generation));
}

/// Backends may outlive a killed postmaster by seconds and block the next start (failure-modes #21), so what it leaves
/// behind is killed, unless an action has taken the processes into its own hands meanwhile.
Task<void> RealPostgres::watch(std::shared_ptr<Shared> shared, std::shared_ptr<runtime::ChildProcess> child,
                               std::uint64_t generation) {
  const int status = co_await child->wait_exit();
  runtime::log_info("postgres: postmaster " + std::to_string(child->pid()) + " ended, wait status " +
                    std::to_string(status));
  if (shared->generation == generation) {
    shared->probe.set_primary(false);
    shared->observer.reset();
  }
  if (shared->generation != generation) co_return;  // an action ends it, and reports that itself
  if (shared->exit_listener) shared->exit_listener();
  if (!shared->cgroup.is_populated()) co_return;
  auto killed = co_await shared->cgroup.kill_all(shared->config.limits.kill);
  if (!killed) runtime::log_warn("postgres: left-over processes: " + killed.error().to_string());
}

Status RealPostgres::launch(std::vector<std::string> extra_arguments) {
  const PostgresConfig& config = shared_->config;
  std::vector<std::string> arguments{"postgres", "-D", config.data_dir.string()};
  std::ranges::move(extra_arguments, std::back_inserter(arguments));
  auto spec = child_spec(std::move(arguments));
  spec.working_directory = config.data_dir;
  spec.output = config.log_file;
  spec.oom_score_adjust = config.oom_score_adjust;
  if (config.oom_score_adjust != 0) {
    // The postmaster is protected, its backends are not (PostgreSQL manual, 19.4.4).
    spec.environment["PG_OOM_ADJUST_FILE"] = "/proc/self/oom_score_adj";
    spec.environment["PG_OOM_ADJUST_VALUE"] = "0";
  }
  auto child = runtime::ChildProcess::start(shared_->executor, spec);
  if (!child) return std::unexpected(child.error().with("start postgres"));
  watch_child(std::move(*child));
  return {};
}

void RealPostgres::adopt(pid_t postmaster) {
  if (shared_->child && shared_->child->is_running()) return;
  if (shared_->child && shared_->child->pid() == postmaster) return;  // it has ended; others are being killed
  const auto members = shared_->cgroup.processes();
  if (std::ranges::find(members, postmaster) == members.end()) return;
  auto child = runtime::ChildProcess::adopt(shared_->executor, postmaster);
  if (!child) return;  // it ended this moment; the next observation says so
  watch_child(std::move(*child));
  runtime::log_info("postgres: adopted postmaster " + std::to_string(postmaster));
  shared_->tasks.spawn("renew", renew(shared_, postmaster));
}

/// Certificates may have been exchanged and hosts come to the site while no agent ran; settings that need a start wait
/// for the next one. Nothing else may have changed in the server's files but the names of an agent that died between
/// file and signal, and those only to what the record allows (protocol.md: a larger list comes before the record, a
/// smaller one after it).
Task<void> RealPostgres::renew(std::shared_ptr<Shared> shared, pid_t postmaster) {
  const auto renewed = co_await blocking<Result<bool>>([files = shared->files] { return files.renew(); });
  if (!renewed) {
    runtime::log_warn("postgres: certificates and settings not renewed: " + renewed.error().to_string());
    co_return;
  }
  if (!*renewed || !shared->child || shared->child->pid() != postmaster || !shared->child->is_running()) co_return;
  shared->child->signal(SIGHUP);
  runtime::log_info("postgres: reads its certificates and settings again");
  const auto noted = co_await blocking<Status>([files = shared->files] { return files.note_read(); });
  if (!noted) runtime::log_warn("postgres: " + noted.error().to_string());
}

Task<Status> RealPostgres::wait_answering(Duration limit) {
  const TimePoint deadline = runtime::boot_now() + limit;
  const auto child = shared_->child;
  while (runtime::boot_now() < deadline) {
    if (!child->is_running()) co_return fail(ErrorCode::unavailable, "postgres ended while starting; its log says why");
    auto opened =
        co_await session("postgres", std::min<Duration>(deadline - runtime::boot_now(), std::chrono::seconds(1)));
    if (opened) co_return Status{};
    if (opened.error().code == ErrorCode::cancelled) co_return std::unexpected(opened.error());
    co_await runtime::sleep_for(answer_step);
  }
  co_return fail(ErrorCode::timed_out, "postgres does not answer yet");
}

Task<Status> RealPostgres::end_all_processes() {
  ++shared_->generation;
  shared_->observer.reset();
  shared_->probe.set_primary(false);
  auto killed = co_await shared_->cgroup.kill_all(shared_->config.limits.kill);
  if (killed) shared_->child.reset();
  shared_->is_ending = false;
  co_return killed;
}

/// The shutdown checkpoint is on the disk and every process is gone but the postmaster: none of them can acknowledge or
/// send anything any more, and a postmaster that shuts down starts none. What it does then (giving memory back) takes
/// as long as a compare-and-swap, and a switchover need not wait for it.
Task<bool> RealPostgres::has_closed_database(pid_t postmaster, ControlData before) {
  if (before.is_shut_down() || shared_->cgroup.processes() != std::vector<pid_t>{postmaster}) co_return false;
  const auto control = co_await read_control();
  co_return control && control->is_shut_down();
}

Task<bool> RealPostgres::stop_politely(TimePoint deadline) {
  const auto child = shared_->child;
  const auto before = co_await read_control();
  child->signal(SIGINT);
  while (shared_->cgroup.is_populated()) {
    if (before) shared_->is_ending = co_await has_closed_database(child->pid(), *before);
    if (shared_->is_ending) co_return true;
    if (runtime::boot_now() >= deadline) co_return false;
    co_await runtime::sleep_for(poll_step);
  }
  shared_->child.reset();
  co_return true;
}

/// A postmaster that was left behind with a closed database gets a moment to go by itself.
Task<Status> RealPostgres::wait_ended() {
  const TimePoint deadline = runtime::boot_now() + ending_limit;
  while (shared_->is_ending && shared_->cgroup.is_populated()) {
    if (runtime::boot_now() >= deadline) co_return co_await end_all_processes();
    co_await runtime::sleep_for(poll_step);
  }
  co_return Status{};
}

// --- actions ----------------------------------------------------------------------------------------------------

Task<Status> RealPostgres::start(NodeId upstream, NodeSet names) {
  const auto disk = co_await read_disk();
  if (!disk) co_return std::unexpected(disk.error());
  if (disk->has_rewind_marker) co_return fail(ErrorCode::refused, "the directory is ruined: clone it");
  if (!disk->has_data || disk->bootstrap == BootstrapPhase::unfinished)
    co_return fail(ErrorCode::refused, "there is no data directory");
  if (auto ended = co_await wait_ended(); !ended) co_return ended;
  if (shared_->cgroup.is_populated()) co_return fail(ErrorCode::conflict, "PostgreSQL's processes are there already");
  auto written = co_await on_disk([upstream, names](const DataDirectory& files) {
    return in_order([&] { return files.refuse_stranger(); }, [&] { return files.prepare_surroundings(); },
                    [&] { return files.write_configuration(upstream, names); },
                    [&] { return files.lay_standby_signal(); }, [&] { return files.remove_stale_locks(); },
                    [&] { return files.release_timelines(); });
  });
  if (!written) co_return written;
  if (auto launched = launch({}); !launched) co_return launched;
  co_return co_await wait_answering(shared_->config.limits.start);
}

Task<Result<Lsn>> RealPostgres::stop(Duration limit) {
  ++shared_->generation;
  shared_->observer.reset();
  shared_->probe.set_primary(false);
  if (shared_->cgroup.is_populated() && !shared_->is_ending) {
    if (auto disk = co_await read_disk(); disk && !shared_->child) adopt(disk->postmaster);
    ++shared_->generation;
    const bool has_stopped = shared_->child && co_await stop_politely(runtime::boot_now() + limit);
    if (!has_stopped) {
      auto killed = co_await end_all_processes();
      if (!killed) co_return std::unexpected(killed.error());
      co_return Lsn{};
    }
  }
  auto control = co_await read_control();
  if (!control) co_return std::unexpected(control.error());
  // A standby may have received more than its control file knows.
  if (!control->is_shut_down()) co_return std::max(known_wal_end(*control), shared_->last.wal_end);
  co_return known_wal_end(*control);
}

Task<Status> RealPostgres::kill() {
  auto killed = co_await end_all_processes();
  if (!killed) co_return killed;
  const auto disk = co_await read_disk();
  if (!disk) co_return std::unexpected(disk.error());
  if (!disk->has_data || disk->has_rewind_marker || disk->bootstrap == BootstrapPhase::unfinished) co_return Status{};
  co_return co_await on_disk([](const DataDirectory& files) {
    // The lock file of a stranger stays: without it a second server could be started beside it.
    return in_order([&] { return files.lay_standby_signal(); }, [&] { return files.write_upstream(NodeId{}); },
                    [&] { return files.refuse_stranger() ? files.remove_stale_locks() : Status{}; });
  });
}

Task<Status> RealPostgres::mark_served(Epoch epoch) {
  return on_disk([epoch](const DataDirectory& files) {
    return in_order([&] { return files.raise_served(epoch); },
                    [&] { return files.set_bootstrap(BootstrapPhase::none); });
  });
}

}  // namespace gemel::adapters::postgres
