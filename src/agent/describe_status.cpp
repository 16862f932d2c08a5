#include "agent/describe_status.h"

#include <algorithm>
#include <chrono>

#include "core/policy.h"
#include "runtime/task_scope.h"

namespace gemel::agent {
namespace {

std::int64_t milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

std::string role_of(const core::State& state) {
  const auto run = state.facts.run;
  if (run == core::PostgresRun::primary) return state.is_serving() && !state.shut_since ? "primary" : "fenced";
  if (run == core::PostgresRun::standby) return state.has_won() ? "starting" : "standby";
  if (run == core::PostgresRun::starting || !state.slots.empty()) return "starting";
  return "stopped";
}

api::StandbyStatus describe_standby(const core::State& state, const core::StandbyLink& link) {
  const auto behind = state.facts.wal_end > link.flush_lsn ? state.facts.wal_end.value - link.flush_lsn.value : 0;
  return {link.node.name, link.is_streaming, to_string(link.flush_lsn), static_cast<std::int64_t>(behind)};
}

api::PauseStatus describe_pause(const core::State& state, const core::Pause& pause) {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  api::PauseStatus status{pause.by, pause.reason, pause.until, duration_cast<seconds>(pause.length).count(), 0};
  if (!state.pause) return status;
  const Duration remaining = state.pause->sent.value_or(state.pause->known) + pause.length - state.now;
  status.remaining_seconds = std::max<std::int64_t>(0, duration_cast<seconds>(remaining).count());
  return status;
}

}  // namespace

api::HostStatus describe_host(const site::HostConfig& config, std::int64_t uptime_seconds) {
  api::HostStatus status;
  status.host = config.self().name;
  status.role = config.self().role;
  status.zone = config.self().zone;
  status.version = GEMEL_VERSION;
  status.time = runtime::wall_now();
  status.uptime_seconds = uptime_seconds;
  return status;
}

void describe_record(const core::State& state, api::HostStatus& status) {
  const core::Record* record = state.record();
  if (record == nullptr) return;
  api::RecordStatus known{
      record->epoch.value, record->holder.name, {}, std::string(to_string(record->state)), state.revision().value, {}};
  if (record->pause) known.pause = describe_pause(state, *record->pause);
  for (const auto& node : record->members) known.members.push_back(node.name);
  status.record = std::move(known);
  for (const auto& entry : state.store.history) {
    status.history.push_back(
        {entry.epoch.value, entry.node.name, entry.complete, entry.timeline, to_string(entry.switch_lsn)});
  }
}

api::DatabaseStatus describe_database(const DatabaseView& view) {
  const core::State& state = view.state;
  api::DatabaseStatus status;
  status.run = to_string(state.facts.run);
  status.role = role_of(state);
  status.timeline = state.facts.timeline;
  status.wal_lsn = to_string(state.facts.wal_end);
  status.upstream = state.facts.upstream.name;
  status.is_receiving = state.facts.is_receiving;
  status.served_epoch = state.facts.served.value;
  for (const auto& link : state.facts.standbys) status.standbys.push_back(describe_standby(state, link));
  for (const auto& node : state.config.databases) {
    if (node == state.self) continue;
    api::LinkStatus link{node.name, -1, -1};
    if (const auto peer = state.peers.find(node); peer != state.peers.end()) {
      link.heard_age_ms = milliseconds(view.now - peer->second.heard_at);
      if (peer->second.confirmed) link.confirmed_age_ms = milliseconds(view.now - *peer->second.confirmed);
    }
    status.links.push_back(std::move(link));
  }
  status.is_gate_open = state.is_serving() && !state.shut_since && state.refreshed_until > view.now;
  status.permit_remaining_ms =
      state.is_serving() ? std::max<std::int64_t>(0, milliseconds(state.permit_until() - view.now)) : 0;
  status.is_address_held = view.is_address_held;
  status.rule = state.last_rule;
  for (const auto& rule : core::policy_table()) {
    if (rule.id == state.last_rule) status.reason = rule.when;
  }
  status.doing = view.doing;
  if (state.has_service_view()) {
    status.service_targets = state.service.total;
    status.service_reachable = state.service.reachable;
  }
  return status;
}

api::StoreStatus describe_store(const adapters::etcd::Quorum& quorum) {
  api::StoreStatus status{static_cast<std::uint32_t>(quorum.total), static_cast<std::uint32_t>(quorum.reachable),
                          quorum.leader.name, quorum.can_change()};
  for (const auto& voter : quorum.silent) status.silent.push_back(voter.name);
  return status;
}

std::optional<std::uint64_t> replica_lag(const core::State& state) {
  const core::Record* record = state.record();
  if (record == nullptr || state.facts.run != core::PostgresRun::standby || !state.is_heard(record->holder))
    return std::nullopt;
  const auto& beat = state.peers.at(record->holder).beat;
  if (beat.run != core::PostgresRun::primary) return std::nullopt;
  return beat.wal_end > state.facts.wal_end ? beat.wal_end.value - state.facts.wal_end.value : 0;
}

std::vector<std::string> database_problems(const DatabaseView& view) {
  std::vector<std::string> problems;
  const core::State& state = view.state;
  if (!view.heartbeat.is_realtime)
    problems.emplace_back("the heartbeat thread has no real-time priority: a starved host may lose its permit");
  if (state.is_serving() && state.shut_since)
    problems.emplace_back("this primary's gate is shut: a member does not confirm its heartbeats");
  if (state.is_serving() && !view.is_address_held) {
    problems.emplace_back("this primary does not hold the virtual address: another machine answers for it, see events");
  }
  if (!view.obstacle.empty()) problems.push_back("PostgreSQL does not come up here: " + view.obstacle);
  if (state.is_service_poor()) {
    problems.push_back("only " + std::to_string(state.service.reachable) + " of " +
                       std::to_string(state.service.total) + " targets on the clients' side answer this host");
  }
  if (state.pending && !state.pending->is_in_flight)
    problems.emplace_back("a change of the record has an unknown outcome; etcd does not answer");
  if (state.last_rule == "halt_regressed") {
    problems.emplace_back(
        "stopped on purpose: etcd's record is older than what this host knows (restored from a backup?); decide which "
        "copy of the database counts, stop the agents of all database hosts, start that host's first");
  } else if (state.last_rule.starts_with("halt_"))
    problems.emplace_back("stopped on purpose, a person must decide: see events");
  return problems;
}

}  // namespace gemel::agent
