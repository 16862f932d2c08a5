// What this host's manager says of itself, asked as its balancers ask: only where the database is external, because
// there no agent sees whether it serves.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "api/host_status.h"
#include "runtime/http_client.h"
#include "runtime/task_scope.h"
#include "site/host_config.h"

namespace gemel::agent {

/// Loop thread only.
class ManagerWatch {
 public:
  /// Pre: the host has a manager, and the site's database is external. Asks once a second until stop().
  ManagerWatch(boost::asio::any_io_executor executor, const site::HostConfig& config);
  [[nodiscard]] api::ManagerStatus describe() const { return status_; }
  /// Bounded by a second.
  runtime::Task<void> stop();

 private:
  runtime::Task<void> keep_asking();
  runtime::Task<void> ask();

  boost::asio::any_io_executor executor_;
  runtime::Endpoint manager_;
  std::filesystem::path authority_;
  std::unique_ptr<runtime::HttpClient> client_;  // none before the first question, and after one that failed
  api::ManagerStatus status_;
  runtime::TaskScope tasks_;
};

/// What an answer to GET /readyz means for the database's line. Pure.
void describe_readiness(const std::string& body, api::ManagerStatus& status);

}  // namespace gemel::agent
