// The agent of one host: brings up what the host's roles need, answers its endpoint, and ends in good order.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <vector>

#include "agent/balancer_role.h"
#include "agent/database_node.h"
#include "agent/endpoint.h"
#include "agent/event_log.h"
#include "agent/input_ring.h"
#include "agent/manager_watch.h"
#include "agent/voter_role.h"
#include "runtime/http_server.h"
#include "site/host_config.h"

namespace gemel::agent {

/// Loop thread only; one per process.
class Agent {
 public:
  Agent(boost::asio::any_io_executor executor, site::HostConfig config);
  ~Agent();

  /// Starts every role and the endpoints. An error names what is wrong with this host; nothing serves then.
  runtime::Task<Status> start();
  /// SIGTERM: hands the database over, stops what it runs. Bounded by 20 s.
  runtime::Task<void> stop();
  /// A restart of the agent alone: everything it runs goes on and is adopted by the next one.
  void leave();

 private:
  runtime::Task<Status> start_database();
  Status start_voter();
  Status start_balancer();
  Status start_endpoints();
  runtime::Task<void> keep_reporting();
  [[nodiscard]] api::HostStatus status() const;
  [[nodiscard]] std::string metrics() const;

  boost::asio::any_io_executor executor_;
  site::HostConfig config_;
  TimePoint started_;
  EventLog events_;
  InputRing inputs_;
  std::unique_ptr<DatabaseNode> database_;
  std::unique_ptr<VoterRole> voter_;
  std::unique_ptr<BalancerRole> balancer_;
  std::unique_ptr<ManagerWatch> manager_;
  EndpointSource source_;
  std::vector<std::unique_ptr<runtime::HttpServer>> servers_;
  runtime::TaskScope tasks_;
};

}  // namespace gemel::agent
