// Where the manager's answers about the site come from: an interface, so that routing is tested without agents, and
// the cache that keeps a crowd of browsers from asking every agent at once.
#pragma once

#include <memory>
#include <string>

#include "api/agent_client.h"
#include "runtime/task_scope.h"

namespace gemel::manager {

class SiteSource {
 public:
  SiteSource() = default;
  SiteSource(const SiteSource&) = delete;
  SiteSource& operator=(const SiteSource&) = delete;
  virtual ~SiteSource() = default;
  /// JSON of api::SiteStatus, at most half a second old when the agents answer. Suspends.
  virtual runtime::Task<Result<std::string>> site_json() = 0;
};

/// One fetch in flight at most, shared by all who wait. `agents` and `scope` must outlive it.
std::unique_ptr<SiteSource> cached_site_source(boost::asio::any_io_executor executor, api::AgentClient& agents,
                                               runtime::TaskScope& scope);

}  // namespace gemel::manager
