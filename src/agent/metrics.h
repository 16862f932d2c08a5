// The agent's Prometheus metrics: the text of one scrape, made of the host's status.
#pragma once

#include <string>

#include "adapters/heartbeat/heartbeat.h"
#include "agent/failover_phases.h"
#include "api/host_status.h"
#include "core/state.h"

namespace gemel::agent {

/// Text exposition format 0.0.4. `state`, `heartbeat` and `failover` are nullptr on hosts without a database.
std::string metrics_text(const api::HostStatus& status, const core::State* state,
                         const adapters::heartbeat::HeartbeatStats* heartbeat,
                         const FailoverPhases* failover = nullptr);

}  // namespace gemel::agent
