// The in-memory server. Replication is evaluated when somebody looks: a standby that can follow has what its upstream
// has.
#include "adapters/postgres/fake_postgres.h"

#include <algorithm>
#include <utility>

namespace gemel::adapters::postgres {
using core::PostgresRun;
using runtime::Task;
namespace {
constexpr std::uint64_t record_bytes = 64;
constexpr std::uint64_t first_wal = 0x1000000;
}  // namespace

FakePostgres::FakePostgres(FakeWorld& world, NodeId self) : world_(world), self_(std::move(self)) {
  facts_.run = PostgresRun::absent;
  world_.nodes[self_] = this;
}
FakePostgres::~FakePostgres() { world_.nodes.erase(self_); }

Status FakePostgres::enter(const std::string& action) {
  calls.push_back(action);
  auto& planned = failures_[action];
  if (planned.empty()) return {};
  Error error = planned.front();
  planned.pop_front();
  return std::unexpected(error);
}

bool FakePostgres::is_running() const {
  return facts_.run == PostgresRun::standby || facts_.run == PostgresRun::primary;
}

FakePostgres* FakePostgres::upstream_primary() const {
  const auto found = world_.nodes.find(facts_.upstream);
  if (facts_.upstream.empty() || found == world_.nodes.end() || !is_reachable_) return nullptr;
  FakePostgres* source = found->second;
  const bool serves = source->is_reachable_ && source->facts_.run == PostgresRun::primary;
  return serves ? source : nullptr;
}

/// A standby follows when its own timeline is part of the source's history and its WAL ends before the fork.
bool FakePostgres::can_follow(const FakePostgres& source) const {
  if (facts_.system_id != source.facts_.system_id) return false;
  if (branch_ == source.branch_) return facts_.wal_end <= source.facts_.wal_end;
  const auto fork = std::ranges::find(source.history_, branch_, &Fork::branch);
  return fork != source.history_.end() && facts_.wal_end <= fork->at;
}

void FakePostgres::catch_up() {
  if (facts_.run != PostgresRun::standby) return;
  const FakePostgres* source = upstream_primary();
  const bool did_receive = std::exchange(facts_.is_receiving, source != nullptr && can_follow(*source));
  if (!facts_.is_receiving) facts_.receiver = 0;
  if (!facts_.is_receiving) return;
  if (!did_receive) facts_.receiver = ++world_.last_receiver;
  copy_from(*source);
}

void FakePostgres::copy_from(const FakePostgres& source) {
  facts_.system_id = source.facts_.system_id;
  facts_.timeline = source.facts_.timeline;
  facts_.wal_end = source.facts_.wal_end;
  history_ = source.history_;
  branch_ = source.branch_;
}

Task<Result<core::PostgresFacts>> FakePostgres::observe() {
  catch_up();
  facts_.standbys.clear();
  if (facts_.run == PostgresRun::primary) {
    for (const auto& [node, server] : world_.nodes) {
      if (server == this) continue;
      server->catch_up();
      if (server->facts_.is_receiving && server->facts_.upstream == self_)
        facts_.standbys.push_back({node, true, server->facts_.wal_end});
    }
  }
  auto seen = facts_;
  seen.was_primary = seen.run == PostgresRun::stopped && ended_as_primary_;
  co_return seen;
}

Task<Status> FakePostgres::bootstrap() {
  if (auto entered = enter("bootstrap"); !entered) co_return entered;
  if (facts_.bootstrap_pending && facts_.run == PostgresRun::stopped) co_return Status{};
  if (facts_.run != PostgresRun::absent) co_return fail(ErrorCode::refused, "there is a data directory");
  facts_.run = PostgresRun::stopped;
  facts_.system_id = std::to_string(7000000000000000000ULL + world_.next_branch);
  facts_.timeline = 1;
  facts_.wal_end = Lsn{first_wal};
  facts_.bootstrap_pending = true;
  branch_ = world_.next_branch++;
  co_return Status{};
}

Task<Status> FakePostgres::start(NodeId upstream, NodeSet names) {
  if (auto entered = enter("start"); !entered) co_return entered;
  if (is_running()) co_return fail(ErrorCode::conflict, "PostgreSQL's processes are there already");
  if (facts_.run != PostgresRun::stopped) co_return fail(ErrorCode::refused, "no directory that may be started");
  facts_.run = PostgresRun::standby;
  ended_as_primary_ = false;
  facts_.upstream = upstream;
  facts_.names = names;
  catch_up();
  co_return Status{};
}

Task<Status> FakePostgres::follow(NodeId upstream) {
  if (auto entered = enter("follow"); !entered) co_return entered;
  if (facts_.run != PostgresRun::standby) co_return fail(ErrorCode::refused, "not a running standby");
  facts_.upstream = upstream;
  catch_up();
  co_return Status{};
}

Task<Result<Promoted>> FakePostgres::promote(NodeSet names, std::uint32_t timeline) {
  if (auto entered = enter("promote"); !entered) co_return std::unexpected(entered.error());
  if (facts_.run != PostgresRun::standby) co_return fail(ErrorCode::refused, "not a running standby");
  catch_up();
  facts_.names = names;
  history_.push_back(Fork{facts_.timeline, facts_.wal_end, branch_});
  Promoted promoted;
  promoted.switch_lsn = facts_.wal_end;
  branch_ = world_.next_branch++;
  facts_.run = PostgresRun::primary;
  ended_as_primary_ = true;
  facts_.upstream = {};
  facts_.is_receiving = false;
  facts_.timeline = std::max(facts_.timeline + 1, timeline);
  facts_.wal_end.value += record_bytes;
  has_checkpointed_ = false;
  promoted.timeline = facts_.timeline;
  promoted.end = facts_.wal_end;
  co_return promoted;
}

Status FakePostgres::refuse_unless_primary() const {
  if (facts_.run == PostgresRun::primary) return {};
  return fail(ErrorCode::unavailable, "not a primary");
}

Task<Result<NamesSet>> FakePostgres::set_names(NodeSet names, bool with_barrier) {
  if (auto entered = enter("set_names"); !entered) co_return std::unexpected(entered.error());
  if (!is_running()) co_return fail(ErrorCode::refused, "PostgreSQL does not run");
  facts_.names = names;
  if (!with_barrier) co_return NamesSet{};
  if (auto primary = refuse_unless_primary(); !primary) co_return std::unexpected(primary.error());
  has_checkpointed_ = true;
  facts_.wal_end.value += record_bytes;
  co_return NamesSet{facts_.wal_end};
}

Task<Status> FakePostgres::checkpoint() {
  if (auto entered = enter("checkpoint"); !entered) co_return entered;
  if (!is_running()) co_return fail(ErrorCode::unavailable, "PostgreSQL does not run");
  if (facts_.run == PostgresRun::primary) has_checkpointed_ = true;
  co_return Status{};
}

Task<Result<Lsn>> FakePostgres::stop(Duration) {
  if (auto entered = enter("stop"); !entered) co_return std::unexpected(entered.error());
  if (facts_.run == PostgresRun::primary) {
    facts_.wal_end.value += record_bytes;  // the shutdown checkpoint, which standbys still receive
    for (const auto& [node, server] : world_.nodes) server->catch_up();
  }
  if (is_running()) {
    facts_.run = PostgresRun::stopped;
    facts_.is_receiving = false;
    if (exit_listener_) exit_listener_();
  }
  co_return facts_.wal_end;
}

Task<Status> FakePostgres::kill() {
  if (auto entered = enter("kill"); !entered) co_return entered;
  crash();
  facts_.upstream = {};
  co_return Status{};
}

Task<Status> FakePostgres::rewind(NodeId source) {
  if (auto entered = enter("rewind"); !entered) {
    if (entered.error().code != ErrorCode::unavailable) facts_.run = PostgresRun::ruined;
    co_return entered;
  }
  if (facts_.run == PostgresRun::absent || facts_.run == PostgresRun::ruined)
    co_return fail(ErrorCode::refused, "no directory that may be rewound");
  const auto found = world_.nodes.find(source);
  if (found == world_.nodes.end() || found->second->facts_.run != PostgresRun::primary)
    co_return fail(ErrorCode::unavailable, "the source does not accept sessions");
  crash();
  // Before its checkpoint the source's control file shows the old timeline: nothing is rewound (finding 4).
  if (found->second->has_checkpointed_) copy_from(*found->second);
  facts_.upstream = source;
  facts_.names = {};
  facts_.served = {};
  facts_.bootstrap_pending = false;
  co_return Status{};
}

Task<Status> FakePostgres::clone(NodeId source) {
  if (auto entered = enter("clone"); !entered) {
    facts_ = {};
    facts_.run = PostgresRun::ruined;
    co_return entered;
  }
  const auto found = world_.nodes.find(source);
  if (found == world_.nodes.end() || found->second->facts_.run != PostgresRun::primary)
    co_return fail(ErrorCode::unavailable, "the source does not accept sessions");
  crash();
  facts_ = {};
  facts_.run = PostgresRun::stopped;
  facts_.upstream = source;
  copy_from(*found->second);
  co_return Status{};
}

Task<Status> FakePostgres::mark_served(Epoch epoch) {
  if (auto entered = enter("mark_served"); !entered) co_return entered;
  facts_.served = std::max(facts_.served, epoch);
  facts_.bootstrap_pending = false;
  co_return Status{};
}

Task<Status> FakePostgres::emit_wal() {
  if (auto entered = enter("emit_wal"); !entered) co_return entered;
  if (auto primary = refuse_unless_primary(); !primary) co_return primary;
  facts_.wal_end.value += record_bytes;
  co_return Status{};
}

void FakePostgres::on_exit(std::function<void()> listener) { exit_listener_ = std::move(listener); }
Task<void> FakePostgres::close() {
  exit_listener_ = nullptr;
  co_return;
}

bool FakePostgres::write(std::uint64_t bytes) {
  if (facts_.run != PostgresRun::primary) return false;
  facts_.wal_end.value += bytes;
  for (const auto& [node, server] : world_.nodes) server->catch_up();
  return std::ranges::all_of(facts_.names, [this](const NodeId& name) {
    const auto found = world_.nodes.find(name);
    if (found == world_.nodes.end()) return false;
    const auto& standby = found->second->facts_;
    return standby.is_receiving && standby.upstream == self_ && standby.wal_end >= facts_.wal_end;
  });
}

void FakePostgres::crash() {
  if (!is_running()) return;
  facts_.run = PostgresRun::stopped;
  facts_.is_receiving = false;
  if (exit_listener_) exit_listener_();
}

void FakePostgres::set_reachable(bool is_reachable) { is_reachable_ = is_reachable; }
void FakePostgres::set_write_probe_age(Duration age) { facts_.write_probe_age = age; }
void FakePostgres::fail_next(const std::string& action, Error error) { failures_[action].push_back(std::move(error)); }

}  // namespace gemel::adapters::postgres
