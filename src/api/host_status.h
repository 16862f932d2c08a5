// What an agent says of itself at GET /status, and what the command line and the manager make of all hosts together.
// One set of structs is the contract: JSON keys are the field names. Keys are stable (api_version).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace gemel::api {

/// R11: nobody takes over, nothing is started or restarted until it ends.
struct PauseStatus {
  std::string by;  // user@host
  std::string reason;
  std::string until;                   // RFC 3339 UTC, by the clock of the host that was asked
  std::int64_t length_seconds = 0;     // as it was asked for
  std::int64_t remaining_seconds = 0;  // by this host's clock, since it first saw the pause; at least 0
};

struct RecordStatus {
  std::uint64_t epoch = 0;
  std::string holder;
  std::vector<std::string> members;  // S: only these may take over
  std::string state;                 // normal, resigned, paused
  std::int64_t revision = 0;
  std::optional<PauseStatus> pause = {};  // while the state is paused
};

struct StandbyStatus {
  std::string host;
  bool is_streaming = false;
  std::string flush_lsn;
  std::int64_t lag_bytes = 0;
};

struct LinkStatus {  // one heartbeat link of this host
  std::string host;
  std::int64_t heard_age_ms = -1;      // -1: never
  std::int64_t confirmed_age_ms = -1;  // since the send time of our newest heartbeat that it confirmed; -1: never
};

struct DatabaseStatus {
  std::string run;   // unknown, absent, ruined, stopped, starting, standby, primary
  std::string role;  // primary (serves), standby, starting, stopped, fenced
  std::uint32_t timeline = 0;
  std::string wal_lsn;
  std::string upstream;
  bool is_receiving = false;
  std::uint64_t served_epoch = 0;
  std::vector<StandbyStatus> standbys;
  std::vector<LinkStatus> links;
  bool is_gate_open = false;
  std::int64_t permit_remaining_ms = 0;
  bool is_address_held = false;
  std::string rule;                     // id of the policy rule that decided last
  std::string reason;                   // facts of that decision
  std::string doing;                    // procedure in progress; empty when steady
  std::uint32_t service_targets = 0;    // on the clients' side, asked by this host; 0: none, or not asked lately
  std::uint32_t service_reachable = 0;  // ... that answered the last question
};

struct HistoryStatus {
  std::uint64_t epoch = 0;
  std::string host;
  bool is_complete = false;
  std::uint32_t timeline = 0;
  std::string switch_lsn;
};

struct StoreStatus {
  std::uint32_t voters = 0;
  std::uint32_t reachable = 0;
  std::string leader;                    // host name; empty: none known
  bool has_quorum = false;               // without it no failover and no membership change is possible
  std::vector<std::string> silent = {};  // hosts of the voters that did not answer this host
};

struct BackendStatus {
  std::string host;
  std::string state;  // as HAProxy says: UP, DOWN, DRAIN, MAINT
  std::int64_t sessions = 0;
};

struct BalancerStatus {
  bool is_running = false;
  std::vector<BackendStatus> backends;
};

/// A manager as its own host sees it. Only where the database is external: nobody else of the site speaks to that.
struct ManagerStatus {
  std::string database;  // the endpoint, as the host is configured
  bool is_answering = false;
  bool is_database_reached = false;  // at the manager's last question, at most a second old
  std::string reason;                // why not; empty when it is
};

struct HostStatus {
  std::string api_version = "v1";
  std::string host;
  std::string role;  // the mission's role name
  std::string zone;
  std::string version;  // Gemel's version
  std::string time;     // RFC 3339 UTC
  std::int64_t uptime_seconds = 0;
  std::vector<std::string> problems;       // sentences: what a person should know
  std::optional<RecordStatus> record;      // as this host knows it
  std::optional<DatabaseStatus> database;  // database hosts
  std::optional<StoreStatus> store;        // hosts with a client of etcd
  std::optional<BalancerStatus> balancer;  // balancer hosts
  std::optional<ManagerStatus> manager;    // manager hosts of a site with an external database
  std::vector<HistoryStatus> history;
};

/// One phase of a failover, as the event of rule "failover" lists them.
struct PhaseTime {
  std::string phase;
  std::int64_t ms = 0;
};

struct Event {
  std::uint64_t id = 0;  // grows on each host
  std::string time;      // RFC 3339 UTC
  std::string host;
  std::string level;  // info, warn, error
  std::string rule;   // rule id or event kind
  std::string message;
  std::uint64_t epoch = 0;
  std::vector<PhaseTime> phases = {};  // of a failover, in their order; each from the end of the one before
};

std::string to_json(const HostStatus& status);
Result<HostStatus> parse_host_status(const std::string& json);
std::string to_json(const std::vector<Event>& events);
Result<std::vector<Event>> parse_events(const std::string& json);

}  // namespace gemel::api
