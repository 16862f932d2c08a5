// A balancer host's part: HAProxy with the configuration that the host's configuration gives.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "adapters/haproxy/haproxy_adapter.h"
#include "agent/event_log.h"
#include "api/host_status.h"
#include "site/host_config.h"

namespace gemel::agent {

/// What HAProxy shall do on this host; reads the statistics page's password.
Result<adapters::haproxy::BalancerConfig> balancer_config(const site::HostConfig& config);

/// Loop thread only.
class BalancerRole {
 public:
  static Result<std::unique_ptr<BalancerRole>> start(boost::asio::any_io_executor executor,
                                                     const site::HostConfig& config, EventLog& events);
  [[nodiscard]] api::BalancerStatus describe() const { return status_; }
  runtime::Task<void> stop();

 private:
  BalancerRole(boost::asio::any_io_executor executor, adapters::haproxy::HaproxyOptions options, EventLog& events);
  runtime::Task<void> keep_running(adapters::haproxy::BalancerConfig config);

  EventLog& events_;
  adapters::haproxy::HaproxyAdapter haproxy_;
  api::BalancerStatus status_;
  runtime::TaskScope tasks_;
};

}  // namespace gemel::agent
