// A healthy five-host site as its agents would describe it, for the tests of everything that judges or prints one.
// Header only; included by tests alone.
#pragma once

#include <utility>

#include "api/site_status.h"

namespace gemel::api::testing {

inline HostEntry sample_host(std::string name, std::string role, std::vector<std::string> duties, std::string address) {
  HostEntry entry;
  entry.host = name;
  entry.role = role;
  entry.duties = std::move(duties);
  entry.address = std::move(address);
  entry.zone = name.ends_with("2") ? "b" : "a";
  entry.is_reachable = true;
  HostStatus status;
  status.host = std::move(name);
  status.role = std::move(role);
  status.zone = entry.zone;
  status.version = "0.1.0";
  status.time = "2026-01-31T12:00:00.000Z";
  status.uptime_seconds = 3720;
  status.record =
      RecordStatus{.epoch = 3, .holder = "db1", .members = {"db1", "db2"}, .state = "normal", .revision = 41};
  status.store = StoreStatus{.voters = 3, .reachable = 3, .leader = "lb1", .has_quorum = true};
  entry.status = std::move(status);
  return entry;
}

inline SiteStatus sample_site() {
  SiteStatus site;
  site.site = "harbour";
  site.time = "2026-01-31T12:00:00.250Z";
  site.hosts = {sample_host("ccm1", "CCM_SA_PRIMARY", {"manager", "voter"}, "10.77.0.11"),
                sample_host("ccm2", "CCM_SA_SECONDARY", {"manager", "voter"}, "10.77.0.12"),
                sample_host("db1", "MGMTPOSTGRES_MASTER", {"database"}, "10.77.0.21"),
                sample_host("db2", "MGMTPOSTGRES_SLAVE", {"database"}, "10.77.0.22"),
                sample_host("lb1", "CCM_LB", {"balancer", "voter"}, "10.77.0.31")};
  DatabaseStatus primary;
  primary.run = primary.role = "primary";
  primary.timeline = 4;
  primary.wal_lsn = "0/5000148";
  primary.served_epoch = 3;
  primary.standbys = {StandbyStatus{.host = "db2", .is_streaming = true, .flush_lsn = "0/5000100", .lag_bytes = 72}};
  primary.links = {LinkStatus{.host = "db2", .heard_age_ms = 12, .confirmed_age_ms = 40}};
  primary.is_gate_open = primary.is_address_held = true;
  primary.permit_remaining_ms = 460;
  primary.rule = "serve";
  primary.reason = "permit valid";
  site.hosts[2].status->database = primary;
  DatabaseStatus standby;
  standby.run = standby.role = "standby";
  standby.timeline = 4;
  standby.wal_lsn = "0/5000100";
  standby.upstream = "db1";
  standby.is_receiving = true;
  standby.rule = "follow";
  site.hosts[3].status->database = standby;
  site.hosts[4].status->balancer = BalancerStatus{
      .is_running = true, .backends = {{.host = "ccm1", .state = "UP"}, {.host = "ccm2", .state = "UP"}}};
  site.summary = summarise(site.hosts);
  return site;
}

/// Two managers and a balancer; the database is somebody else's, and both managers reach it.
inline SiteStatus external_site() {
  auto site = sample_site();
  std::erase_if(site.hosts, [](const HostEntry& host) { return host.host.starts_with("db"); });
  for (auto& host : site.hosts) {
    std::erase(host.duties, "voter");
    host.status->record.reset();
    host.status->store.reset();
    if (host.host != "lb1")
      host.status->manager = ManagerStatus{
          .database = "db.example.org:5432", .is_answering = true, .is_database_reached = true, .reason = ""};
  }
  site.summary = summarise(site.hosts);
  return site;
}

/// The agent of this host no longer answers.
inline void silence(SiteStatus& site, const std::string& name) {
  for (auto& host : site.hosts) {
    if (host.host != name) continue;
    host.is_reachable = false;
    host.error = "no connection";
    host.status.reset();
  }
}

}  // namespace gemel::api::testing
