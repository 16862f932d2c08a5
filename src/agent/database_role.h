// Makes a database host's working part out of the host's configuration: adapters with their secrets, the checked
// configuration of the controller.
#pragma once

#include <memory>

#include "adapters/gate/gate.h"
#include "agent/database_node.h"
#include "site/host_config.h"

namespace gemel::agent {

/// The gate is installed, heartbeats are bound, PostgreSQL is adopted if it runs. Errors name what to mend.
runtime::Task<Result<std::unique_ptr<DatabaseNode>>> make_database_node(boost::asio::any_io_executor executor,
                                                                        site::HostConfig config, EventLog* events,
                                                                        InputRing* inputs);

/// Whom this host's packet filter lets to PostgreSQL.
adapters::gate::GateConfig gate_config(const site::HostConfig& config);

/// The controller's configuration for this host.
core::Config controller_config(const site::HostConfig& config);

}  // namespace gemel::agent
