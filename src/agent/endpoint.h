// The agent's HTTP endpoint: status, events, rules, commands, metrics, and the role URLs that balancers and scripts
// know from Patroni. Routing and authorisation; what it shows comes from the Source.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/host_status.h"
#include "core/event.h"
#include "runtime/http.h"

namespace gemel::agent {

/// What the endpoint shows and does. All called on the loop.
struct EndpointSource {
  std::string site;
  std::string host;  // this one
  std::function<api::HostStatus()> status;
  std::function<std::vector<api::Event>(std::uint64_t after)> events;
  std::function<std::string()> metrics;
  /// Bytes of WAL this standby is behind its primary; nothing when that is not known. Empty on hosts without a
  /// database.
  std::function<std::optional<std::uint64_t>()> replica_lag;
  /// Empty on hosts without a database.
  std::function<core::Answer(NodeId to)> switch_over;
  /// Likewise; `ask` of the event is not looked at.
  std::function<core::Answer(core::event::PauseAsked)> pause;
  std::function<core::Answer(std::string by)> resume;
  std::function<core::Answer(std::string by, bool confirmed_fenced)> force;
};

/// Answers one request at once.
runtime::HttpResponse answer(const EndpointSource& source, const runtime::HttpRequest& request,
                             const runtime::Peer& peer);

/// The policy table as JSON: [{"id","protocol","when","then","go_on"}].
std::string rules_json();

}  // namespace gemel::agent
