// What this host says of itself: api::HostStatus made of what the agent knows. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/etcd/record_store.h"
#include "adapters/heartbeat/heartbeat.h"
#include "api/host_status.h"
#include "core/state.h"
#include "site/host_config.h"

namespace gemel::agent {

/// What the status of a database host is made of.
struct DatabaseView {
  const core::State& state;
  adapters::heartbeat::HeartbeatStats heartbeat;
  bool is_address_held = false;
  std::string doing;
  std::string obstacle;  // DatabaseNode::obstacle()
  TimePoint now;
};

/// Name, role, version, times.
api::HostStatus describe_host(const site::HostConfig& config, std::int64_t uptime_seconds);
void describe_record(const core::State& state, api::HostStatus& status);
api::DatabaseStatus describe_database(const DatabaseView& view);
api::StoreStatus describe_store(const adapters::etcd::Quorum& quorum);
/// Bytes of WAL this standby is behind what the record's holder last said of itself; both figures are up to a tenth of
/// a second old. Nothing when this is not a standby or the holder is not heard as a primary.
std::optional<std::uint64_t> replica_lag(const core::State& state);
/// Sentences on what a person should know of this database host.
std::vector<std::string> database_problems(const DatabaseView& view);

}  // namespace gemel::agent
