// Facts of the server: from the cgroup (runs or not), the disk (markers, names, control file) and one query.
#include <charconv>

#include "adapters/postgres/configuration_files.h"
#include "adapters/postgres/real_postgres_shared.h"

namespace gemel::adapters::postgres {
using core::PostgresFacts;
using core::PostgresRun;
using runtime::Task;
namespace {

// One row; the functions of a primary are not evaluated in recovery and the other way round. The control file's
// timeline lags behind a promotion until the next checkpoint, hence the name of the current WAL file.
constexpr const char* server_query = R"(
select case when r then 'standby' else 'primary' end, s.system_identifier,
  case when r then greatest(coalesce(w.received_tli, 0), c.timeline_id, m.min_recovery_end_timeline)
       else ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int end,
  case when r then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) else pg_current_wal_flush_lsn() end,
  coalesce(w.status, ''), coalesce(w.pid, 0)
from (select pg_is_in_recovery() as r offset 0) as q, pg_control_system() as s, pg_control_checkpoint() as c,
  pg_control_recovery() as m left join pg_stat_wal_receiver as w on true;
select application_name, state, flush_lsn from pg_stat_replication where usename = 'gemel_replication')";

Lsn lsn_or_zero(const std::optional<std::string>& text) { return text ? parse_lsn(*text).value_or(Lsn{}) : Lsn{}; }

std::uint32_t number_or_zero(const std::string& text) {
  std::uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void fill_standbys(const PostgresConfig& config, const Rows& rows, PostgresFacts& facts) {
  for (const auto& row : rows.values) {
    const NodeId node{row[0].value_or("")};
    if (config.find(node) == nullptr) continue;  // a clone in progress
    facts.standbys.push_back({node, row[1].value_or("") == "streaming", lsn_or_zero(row[2])});
  }
}

}  // namespace

Task<Result<ControlData>> RealPostgres::read_control() {
  auto read = co_await blocking<Result<ControlData>>([files = shared_->files] { return files.read_control(); });
  if (read || read.error().code != ErrorCode::unsupported) co_return read;
  auto spec = child_spec({"pg_controldata", "-D", shared_->config.data_dir.string()});
  spec.cgroup.reset();  // not a process of the server: the group must stay empty while it is stopped
  auto result = co_await runtime::run_command(std::move(spec), std::chrono::seconds(2));
  if (!result) co_return std::unexpected(result.error().with("pg_controldata"));
  if (result->exit_code != 0) co_return fail(ErrorCode::corrupt, "pg_controldata: " + result->output);
  co_return parse_control_data(result->output);
}

Task<Result<PostgresFacts>> RealPostgres::observe() {
  const auto disk = co_await recent_disk();
  if (!disk) co_return std::unexpected(disk.error().with("observe PostgreSQL"));
  auto facts = std::make_shared<PostgresFacts>();
  facts->served = disk->served;
  facts->names = disk->names;
  facts->bootstrap_pending = disk->bootstrap == BootstrapPhase::complete;
  Status filled;
  if (disk->has_rewind_marker) {
    facts->run = PostgresRun::ruined;
  } else if (!disk->has_data || disk->bootstrap == BootstrapPhase::unfinished) {
    facts->run = PostgresRun::absent;
  } else if (shared_->cgroup.is_populated() && !shared_->is_ending) {
    filled = co_await observe_running(facts, *disk);
  } else {
    filled = co_await observe_stopped(facts, *disk);
  }
  if (!filled) co_return std::unexpected(filled.error());
  co_return *facts;
}

Task<Status> RealPostgres::observe_stopped(std::shared_ptr<PostgresFacts> facts, DiskFacts disk) {
  shared_->probe.set_primary(false);
  facts->run = PostgresRun::stopped;
  facts->upstream = disk.upstream;
  auto control = co_await read_control();
  if (!control) co_return std::unexpected(control.error());
  facts->system_id = control->system_id;
  facts->timeline = control->timeline;
  facts->wal_end = known_wal_end(*control);
  facts->was_primary = control->was_primary();
  const PostgresFacts& last = shared_->last;
  if (last.system_id == facts->system_id && last.timeline >= facts->timeline) {
    // What was seen while it ran is on disk as well: both positions were flushed ones.
    facts->timeline = last.timeline;
    facts->wal_end = std::max(facts->wal_end, last.wal_end);
  }
  co_return Status{};
}

Task<Status> RealPostgres::observe_running(std::shared_ptr<PostgresFacts> facts, DiskFacts disk) {
  adopt(disk.postmaster);
  facts->upstream = disk.upstream;
  const std::uint64_t generation = shared_->generation;
  const auto answered = co_await ask_server(facts, shared_->config.limits.observe);
  if (answered) {
    if (shared_->generation == generation) {
      shared_->last = *facts;
      shared_->probe.set_primary(facts->run == PostgresRun::primary);
    }
    if (facts->run == PostgresRun::primary) facts->upstream = NodeId{};
    facts->write_probe_age = shared_->probe.age();
    co_return Status{};
  }
  const PostgresFacts& last = shared_->last;
  facts->is_answering = false;
  facts->system_id = last.system_id;
  facts->timeline = last.timeline;
  facts->wal_end = last.wal_end;
  const bool is_silent = answered.error().code == ErrorCode::timed_out && shared_->child &&
                         shared_->child->is_running() &&
                         (last.run == PostgresRun::primary || last.run == PostgresRun::standby);
  facts->run = is_silent ? last.run : PostgresRun::starting;
  facts->write_probe_age = shared_->probe.age();
  co_return Status{};
}

/// The session is taken out of its place while in use, so that two observations never share one.
Task<Status> RealPostgres::ask_server(std::shared_ptr<PostgresFacts> facts, Duration limit) {
  const TimePoint deadline = runtime::boot_now() + limit;
  const std::uint64_t generation = shared_->generation;
  std::shared_ptr<PqConnection> observer;
  if (shared_->observer) {
    observer = std::make_shared<PqConnection>(std::move(*shared_->observer));
    shared_->observer.reset();
  }
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!observer || observer->is_connection_lost()) {
      auto opened = co_await session("postgres", deadline - runtime::boot_now());
      if (!opened) co_return std::unexpected(opened.error());
      observer = *opened;
    }
    auto results = co_await observer->query_all(server_query, deadline - runtime::boot_now());
    // Lost: the postmaster was restarted. Refused: promoted between two functions of the query. Ask once more.
    if (!results && runtime::boot_now() < deadline) continue;
    if (!results) co_return std::unexpected(results.error());
    if (results->size() != 2 || (*results)[0].values.empty())
      co_return fail(ErrorCode::corrupt, "an answer of another form");
    const auto& row = (*results)[0].values[0];
    facts->run = row[0] == "primary" ? PostgresRun::primary : PostgresRun::standby;
    facts->system_id = row[1].value_or("");
    facts->timeline = number_or_zero(row[2].value_or(""));
    facts->wal_end = lsn_or_zero(row[3]);
    facts->is_receiving = row[4] == "streaming";
    facts->receiver = facts->is_receiving ? number_or_zero(row[5].value_or("")) : 0;
    if (facts->run == PostgresRun::primary) fill_standbys(shared_->config, (*results)[1], *facts);
    if (generation == shared_->generation) shared_->observer.emplace(std::move(*observer));
    co_return Status{};
  }
  co_return fail(ErrorCode::unavailable, "the server does not answer");
}

}  // namespace gemel::adapters::postgres
