// The manager as a whole: listeners, the watcher of the database, and the polite end.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "api/agent_client.h"
#include "manager/application.h"
#include "manager/database_ways.h"
#include "manager/readiness.h"
#include "manager/site_source.h"
#include "runtime/http_server.h"
#include "runtime/task_scope.h"
#include "site/host_config.h"

namespace gemel::manager {

/// Loop thread only. start() once, then shut_down() once, then destroy.
class Server {
 public:
  Server(boost::asio::any_io_executor executor, site::HostConfig config);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Reads certificates and the password, opens every listener. Needs no database and no agent. Blocks shortly (files).
  Status start();
  /// /readyz says no at once; after the balancers have seen it (their checks: 2 × 200 ms), the listeners close;
  /// requests in flight may end within ten seconds, because a write may be waiting for a failover.
  runtime::Task<void> shut_down();
  /// The first HTTPS listener's port, for tests.
  [[nodiscard]] std::uint16_t port() const { return listeners_.at(0)->port(); }

 private:
  Status listen(const std::string& address, std::uint16_t port, runtime::HttpHandler handler);
  Status start_parts();

  boost::asio::any_io_executor executor_;
  site::HostConfig config_;
  DatabaseWays database_;
  std::unique_ptr<api::AgentClient> agents_;
  std::unique_ptr<NotesStore> notes_;
  ReadinessState readiness_;
  std::unique_ptr<SiteSource> site_;
  std::unique_ptr<Application> application_;
  std::vector<std::unique_ptr<runtime::HttpServer>> listeners_;
  runtime::TaskScope tasks_;
};

}  // namespace gemel::manager
