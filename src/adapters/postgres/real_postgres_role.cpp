// What a running server is told for replication: names, upstream, promotion, checkpoint. The orders matter; see
// protocol.md R1, R3, R4 and failure-modes.md, finding 1.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "adapters/postgres/configuration_files.h"
#include "adapters/postgres/real_postgres_shared.h"
#include "runtime/log.h"

namespace gemel::adapters::postgres {
using runtime::Task;
namespace {

constexpr Duration short_limit = std::chrono::seconds(2);
constexpr Duration promote_step = std::chrono::milliseconds(1);  // a failover waits; a look takes a tenth of that
constexpr Duration wake_step = std::chrono::milliseconds(4);
constexpr Duration ready_limit = std::chrono::seconds(2);  // so long a session opened beforehand is believed

constexpr const char* before_query =
    "select pg_is_in_recovery(), greatest(c.timeline_id, m.min_recovery_end_timeline), "
    "current_setting('synchronous_standby_names'), "
    "coalesce((select pid from pg_stat_activity where backend_type = 'startup'), 0) "
    "from pg_control_checkpoint() c, pg_control_recovery() m";

// Ends everybody's sessions but the agent's own: a query of a client could hold up the replay for
// max_standby_streaming_delay. application_name alone would not do: a client may call itself anything. Then promotes.
constexpr const char* promote_query = R"(
select count(pg_terminate_backend(pid)) from pg_stat_activity where backend_type = 'client backend'
  and pid <> pg_backend_pid() and not (usename = 'postgres' and application_name = 'gemeld');
select pg_promote(false))";

// The end of recovery is flushed before recovery is over, so the flush position is behind it.
constexpr const char* after_query =
    "select ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int, "
    "pg_current_wal_flush_lsn()";

}  // namespace

/// File, reload, and a new session that shows it: whoever connects from now on waits for these names. Sessions that are
/// older follow with the checkpointer; that is what the barrier of set_names() is for.
Task<Status> RealPostgres::put_names_into_effect(NodeSet names, Duration limit) {
  shared_->ready.reset();  // it may show the list of before
  auto written = co_await on_disk([names](const DataDirectory& files) { return files.write_names(names); });
  if (!written) co_return written;
  // The postmaster reads the file at the signal and passes it on; what pg_reload_conf() does, without a session first.
  if (!shared_->child) co_return fail(ErrorCode::refused, "the postmaster is not known");
  shared_->child->signal(SIGHUP);
  std::pair<std::string, std::string> expected{"synchronous_standby_names", render_names_value(names)};
  co_return co_await wait_for_setting(shared_->executor, shared_->config, std::move(expected), limit);
}

Task<Result<NamesSet>> RealPostgres::set_names(NodeSet names, bool with_barrier) {
  if (!shared_->cgroup.is_populated()) co_return fail(ErrorCode::refused, "PostgreSQL does not run");
  auto effective = co_await put_names_into_effect(std::move(names), short_limit);
  if (!effective) co_return std::unexpected(effective.error());
  if (!with_barrier) co_return NamesSet{};
  // The checkpointer publishes the new list to old sessions before it begins the checkpoint asked for here.
  if (auto done = co_await checkpoint(); !done) co_return std::unexpected(done.error());
  auto opened = co_await session("postgres", short_limit);
  if (!opened) co_return std::unexpected(opened.error());
  auto mark = co_await write_mark(*opened, shared_->config.limits.barrier);
  if (!mark) co_return std::unexpected(mark.error());
  co_return NamesSet{*mark};
}

Task<Status> RealPostgres::checkpoint() {
  auto opened = co_await session("postgres", short_limit);
  if (!opened) co_return std::unexpected(opened.error());
  auto done = co_await (*opened)->query("checkpoint", {}, shared_->config.limits.barrier);
  if (!done) co_return std::unexpected(done.error().with("checkpoint"));
  co_return Status{};
}

Task<Status> RealPostgres::emit_wal() {
  auto opened = co_await session("postgres", short_limit);
  if (!opened) co_return std::unexpected(opened.error());
  auto mark = co_await write_mark(*opened, short_limit);
  if (!mark) co_return std::unexpected(mark.error());
  co_return Status{};
}

Task<Status> RealPostgres::follow(NodeId upstream) {
  if (!upstream.empty() && shared_->config.find(upstream) == nullptr)
    co_return fail(ErrorCode::invalid, "not a database host: " + upstream.name);
  if (!shared_->cgroup.is_populated()) co_return fail(ErrorCode::refused, "PostgreSQL does not run");
  auto opened = co_await session("postgres", short_limit);
  if (!opened) co_return std::unexpected(opened.error());
  auto recovery = co_await (*opened)->query("select pg_is_in_recovery()", {}, short_limit);
  if (!recovery) co_return std::unexpected(recovery.error());
  if (recovery->first() != "t") co_return fail(ErrorCode::refused, "a primary follows nobody");
  auto written = co_await on_disk([upstream](const DataDirectory& files) { return files.write_upstream(upstream); });
  if (!written) co_return written;
  auto reloaded = co_await (*opened)->query("select pg_reload_conf()", {}, short_limit);
  if (!reloaded) co_return std::unexpected(reloaded.error().with("reload"));
  std::pair<std::string, std::string> expected{"primary_conninfo", render_upstream_value(shared_->config, upstream)};
  co_return co_await wait_for_setting(shared_->executor, shared_->config, std::move(expected), short_limit);
}

/// PostgreSQL 15 may sleep for the rest of wal_retrieve_retry_interval although it has heard of the promotion: when the
/// request comes while it looks for the primary that has just gone and its WAL receiver is being started, it calls that
/// off and sleeps, and the waking is used up. A signal to read the configuration again wakes it too, and does no more.
void RealPostgres::wake_recovery(pid_t startup) const {
  const auto members = shared_->cgroup.processes();
  if (startup > 0 && std::ranges::find(members, startup) != members.end()) ::kill(startup, SIGHUP);
}

Task<Status> RealPostgres::wait_promoted(std::shared_ptr<PqConnection> session, pid_t startup, TimePoint deadline) {
  TimePoint woken = runtime::boot_now();
  while (runtime::boot_now() < deadline) {
    if (runtime::boot_now() - woken >= wake_step) {
      woken = runtime::boot_now();
      wake_recovery(startup);
    }
    auto recovery = co_await session->query("select pg_is_in_recovery()", {}, deadline - runtime::boot_now());
    if (!recovery) co_return std::unexpected(recovery.error());
    if (recovery->first() == "f") co_return Status{};
    co_await runtime::sleep_for(promote_step);
  }
  co_return fail(ErrorCode::timed_out, "still in recovery");
}

void RealPostgres::expect_promotion() {
  if (shared_->cgroup.is_populated()) shared_->tasks.spawn("ready session", open_ready_session(shared_));
}

Task<void> RealPostgres::open_ready_session(std::shared_ptr<Shared> shared) {
  const std::uint64_t generation = shared->generation;
  const TimePoint begin = runtime::boot_now();
  auto opened = co_await open_session(shared->executor, shared->config, "postgres", short_limit);
  if (!opened || shared->generation != generation) co_return;
  shared->ready = std::make_shared<PqConnection>(std::move(*opened));
  shared->ready_at = begin;
}

Task<Result<std::shared_ptr<PqConnection>>> RealPostgres::promotion_session(Duration limit) {
  const auto ready = std::exchange(shared_->ready, nullptr);
  if (ready && !ready->is_connection_lost() && runtime::boot_now() - shared_->ready_at < ready_limit) co_return ready;
  co_return co_await session("postgres", limit);
}

/// `shown` by a session opened after the file was written last: what every new session gets.
Task<Result<bool>> RealPostgres::are_names_in_effect(NodeSet names, std::string shown) {
  if (shown != render_names_value(names)) co_return false;
  const auto disk = co_await read_disk();
  if (!disk) co_return std::unexpected(disk.error());
  co_return disk->names == names;
}

Task<Result<Promoted>> RealPostgres::promote(NodeSet names, std::uint32_t timeline) {
  const Duration limit = shared_->config.limits.promote;
  const TimePoint deadline = runtime::boot_now() + limit;
  if (!shared_->cgroup.is_populated()) co_return fail(ErrorCode::refused, "PostgreSQL does not run");
  auto opened = co_await promotion_session(limit);
  if (!opened) co_return std::unexpected(opened.error());
  const auto session = *opened;
  auto before = co_await session->query(before_query, {}, limit);
  if (!before) co_return std::unexpected(before.error());
  if (before->first() != "t") co_return fail(ErrorCode::refused, "it is a primary already");
  const auto number_before = static_cast<std::uint32_t>(std::strtoul(before->first(1).c_str(), nullptr, 10));
  auto reserved = co_await on_disk([number_before, timeline](const DataDirectory& files) {
    return files.reserve_timelines(number_before, timeline);
  });
  if (!reserved) co_return std::unexpected(reserved.error());
  auto settled = co_await are_names_in_effect(names, before->first(2));
  if (!settled) co_return std::unexpected(settled.error());
  if (!*settled) {
    auto effective = co_await put_names_into_effect(std::move(names), deadline - runtime::boot_now());
    if (!effective) co_return std::unexpected(effective.error().with("names before promotion"));
  }
  auto asked = co_await session->query_all(promote_query, deadline - runtime::boot_now());
  if (!asked) co_return std::unexpected(asked.error().with("pg_promote"));
  if (auto done = co_await wait_promoted(session, static_cast<pid_t>(std::atoi(before->first(3).c_str())), deadline);
      !done)
    co_return std::unexpected(done.error());
  Promoted promoted;
  auto after = co_await session->query(after_query, {}, deadline - runtime::boot_now());
  if (!after) co_return std::unexpected(after.error());
  promoted.timeline = static_cast<std::uint32_t>(std::strtoul(after->first().c_str(), nullptr, 10));
  const bool is_as_wanted =
      timeline > number_before ? promoted.timeline == timeline : promoted.timeline > number_before;
  if (!is_as_wanted)
    co_return fail(ErrorCode::corrupt, "promoted, but the timeline is " + std::to_string(promoted.timeline));
  shared_->probe.set_primary(true);
  auto end = parse_lsn(after->first(1));
  if (!end) co_return std::unexpected(end.error());
  promoted.end = *end;
  auto fork = co_await blocking<Result<Lsn>>(
      [files = shared_->files, number = promoted.timeline] { return files.switch_lsn(number); });
  if (!fork) co_return std::unexpected(fork.error());
  promoted.switch_lsn = *fork;
  runtime::log_info("postgres: promoted, timeline " + std::to_string(promoted.timeline) + " from " +
                    to_string(promoted.switch_lsn));
  co_return promoted;
}

}  // namespace gemel::adapters::postgres
