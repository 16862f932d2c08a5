#include "agent/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <map>

namespace gemel::agent {
namespace {

/// One scrape is one registry: there is no state to keep between two, every value is read from the status.
class Page {
 public:
  void gauge(const std::string& name, const std::string& help, double value,
             const std::map<std::string, std::string>& labels = {}) {
    prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add(labels).Set(value);
  }
  void counter(const std::string& name, const std::string& help, std::uint64_t value,
               const std::map<std::string, std::string>& labels = {}) {
    prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add(labels).Increment(
        static_cast<double>(value));
  }
  [[nodiscard]] std::string text() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

 private:
  prometheus::Registry registry_;
};

void add_database(Page& page, const api::HostStatus& status) {
  const auto& database = *status.database;
  page.gauge("gemel_postgres_running", "1 when PostgreSQL answers",
             database.run == "primary" || database.run == "standby" ? 1 : 0);
  page.gauge("gemel_primary", "1 when this host is the serving primary", database.role == "primary" ? 1 : 0);
  page.gauge("gemel_replica", "1 when this host is a standby", database.role == "standby" ? 1 : 0);
  page.gauge("gemel_postgres_timeline", "Timeline of PostgreSQL", database.timeline);
  page.gauge("gemel_gate_open", "1 when clients may pass", database.is_gate_open ? 1 : 0);
  page.gauge("gemel_permit_remaining_seconds", "How long the primary may still serve without another confirmation",
             static_cast<double>(database.permit_remaining_ms) / 1000.0);
  page.gauge("gemel_address_held", "1 when the virtual address is here", database.is_address_held ? 1 : 0);
  page.gauge("gemel_service_targets", "Machines on the clients' side that are asked; 0: none",
             database.service_targets);
  page.gauge("gemel_service_targets_reachable", "... that answered the last question", database.service_reachable);
  for (const auto& standby : database.standbys) {
    page.gauge("gemel_standby_lag_bytes", "Bytes of WAL the standby has not flushed",
               static_cast<double>(standby.lag_bytes), {{"standby", standby.host}});
    page.gauge("gemel_standby_streaming", "1 when the standby streams", standby.is_streaming ? 1 : 0,
               {{"standby", standby.host}});
  }
  for (const auto& link : database.links) {
    page.gauge("gemel_heartbeat_heard_age_seconds", "Since the last heartbeat of that host; -1: never",
               link.heard_age_ms < 0 ? -1.0 : static_cast<double>(link.heard_age_ms) / 1000.0, {{"peer", link.host}});
  }
}

void add_heartbeat(Page& page, const adapters::heartbeat::HeartbeatStats& stats) {
  page.counter("gemel_heartbeat_sent_total", "Heartbeats sent since start", stats.sent);
  page.counter("gemel_heartbeat_accepted_total", "Heartbeats accepted since start", stats.heard);
  const std::map<std::string, std::uint64_t> rejected = {{"not_authentic", stats.not_authentic},
                                                         {"replayed", stats.replayed},
                                                         {"session_unknown", stats.session_unknown},
                                                         {"other_cluster", stats.other_cluster}};
  for (const auto& [reason, count] : rejected) {
    page.counter("gemel_heartbeat_rejected_total", "Packets that were not believed, by reason", count,
                 {{"reason", reason}});
  }
  page.gauge("gemel_heartbeat_realtime", "1 when the heartbeat thread has real-time priority",
             stats.is_realtime ? 1 : 0);
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

void add_failover(Page& page, const FailoverPhases& failover) {
  for (const auto& report : failover.last()) {
    const std::string part(report.part);
    page.gauge("gemel_failover_seconds", "How long this host's part of its last failover took", seconds(report.total()),
               {{"part", part}});
    for (const auto& phase : report.phases) {
      page.gauge("gemel_failover_phase_seconds", "... and each phase of it", seconds(phase.length),
                 {{"part", part}, {"phase", std::string(phase.name)}});
    }
  }
}

}  // namespace

std::string metrics_text(const api::HostStatus& status, const core::State* state,
                         const adapters::heartbeat::HeartbeatStats* heartbeat, const FailoverPhases* failover) {
  Page page;
  page.gauge("gemel_info", "Version and role of this host", 1,
             {{"version", status.version}, {"host", status.host}, {"role", status.role}});
  page.gauge("gemel_uptime_seconds", "Since the agent started", static_cast<double>(status.uptime_seconds));
  if (status.record) {
    page.gauge("gemel_epoch", "Epoch of the record as this host knows it", static_cast<double>(status.record->epoch));
    page.gauge("gemel_synchronous_members", "Hosts that hold every acknowledged write",
               static_cast<double>(status.record->members.size()));
  }
  if (status.record && status.database) {
    const auto& pause = status.record->pause;
    page.gauge("gemel_paused", "1 while an operator has paused automatic failover", pause ? 1 : 0);
    page.gauge("gemel_pause_remaining_seconds", "Until the pause ends by itself; 0: none",
               pause ? static_cast<double>(pause->remaining_seconds) : 0);
    if (pause) {
      page.gauge("gemel_pause_info", "Who paused the site, why and until when", 1,
                 {{"by", pause->by}, {"reason", pause->reason}, {"until", pause->until}});
    }
  }
  if (status.store) {
    page.gauge("gemel_etcd_voters", "Voters of the site", status.store->voters);
    page.gauge("gemel_etcd_voters_reachable", "Voters that answered the last probe", status.store->reachable);
    page.gauge("gemel_etcd_has_quorum", "1 when the record can be changed", status.store->has_quorum ? 1 : 0);
  }
  if (status.balancer) {
    for (const auto& backend : status.balancer->backends) {
      page.gauge("gemel_balancer_server_up", "1 when HAProxy sends requests there", backend.state == "UP" ? 1 : 0,
                 {{"server", backend.host}});
    }
  }
  if (status.manager) {
    page.gauge("gemel_manager_database_reached", "1 when this host's manager reaches the external database",
               status.manager->is_database_reached ? 1 : 0);
  }
  if (status.database) add_database(page, status);
  if (state != nullptr)
    page.gauge("gemel_postgres_write_probe_age_seconds", "Since the last answered write probe; 0: fresh",
               std::chrono::duration<double>(state->facts.write_probe_age).count());
  if (heartbeat != nullptr) add_heartbeat(page, *heartbeat);
  if (failover != nullptr) add_failover(page, *failover);
  return page.text();
}

}  // namespace gemel::agent
