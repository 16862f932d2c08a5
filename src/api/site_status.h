// The state of a whole site: what every agent says, and what it means together. Pure values and one pure function; the
// fetching is in agent_client.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/host_status.h"
#include "base/error.h"

namespace gemel::api {

/// One host of the site file, and what its agent answered.
struct HostEntry {
  std::string host;
  std::string role;                 // the mission's role name
  std::vector<std::string> duties;  // manager, database, balancer, voter
  std::string address;
  std::string zone;
  bool is_reachable = false;  // its agent answered in time
  std::string error;          // why not; empty when reachable
  std::optional<HostStatus> status;
};

/// What a person wants to know first. `reason_code` is stable: possible, unknown, no_record, paused, no_quorum,
/// no_second_copy, no_candidate, standalone (one database host, and meant to be so), external (no database host: the
/// provider sees to failovers; epoch, members and holder say nothing then).
struct SiteSummary {
  std::string health;       // healthy, degraded, down (nobody serves), unknown (no agent answered)
  std::string primary;      // the host that serves writes now; empty: none known
  std::string database;     // an external database's endpoint; empty: the site has database hosts, or none is known
  std::uint64_t epoch = 0;  // of the newest record any agent knows
  std::int64_t revision = 0;
  std::vector<std::string> members;  // hosts that hold every acknowledged write
  std::string state;                 // of the record: normal, resigned, paused
  std::string holder;                // whom that record names; serves or not
  std::optional<PauseStatus> pause;  // while the state is paused
  std::int64_t lag_bytes = -1;       // largest lag of a streaming standby; -1: no standby streams
  bool failover_possible = false;
  std::string reason_code;
  std::string reason;                 // a sentence: to whom a failover would go, or why none is possible
  std::vector<std::string> problems;  // sentences, the site's own and each host's
};

struct SiteStatus {
  std::string api_version = "v1";
  std::string site;
  std::string time;  // RFC 3339 UTC, when the answers were complete
  SiteSummary summary;
  std::vector<HostEntry> hosts;
};

/// What the answers mean together. Pure; never fails: what is not known is said to be unknown.
SiteSummary summarise(const std::vector<HostEntry>& hosts);

/// JSON with the field names as keys; `status` of a host that did not answer is null.
std::string to_json(const SiteStatus& status);
Result<SiteStatus> parse_site_status(const std::string& json);

}  // namespace gemel::api
