// The cache over the agents' answers.
#include "manager/site_source.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace gemel::manager {
namespace {

constexpr auto agent_limit = std::chrono::milliseconds(1000);
constexpr auto max_age = std::chrono::milliseconds(400);  // plus the time of a fetch stays near half a second
constexpr auto wait_limit = std::chrono::milliseconds(2000);

struct Cache {
  Cache(const boost::asio::any_io_executor& executor) : fetched(executor) {}
  std::string json;
  TimePoint at{};
  bool is_fetching = false;
  boost::asio::steady_timer fetched;  // cancelled when a fetch is complete
};

bool is_fresh(const Cache& cache) { return !cache.json.empty() && runtime::boot_now() - cache.at < max_age; }

/// Runs in the manager's scope, not in a request: a request that goes away does not end the fetch for the others.
runtime::Task<void> fetch(std::shared_ptr<Cache> cache, api::AgentClient* agents) {
  const auto site = co_await agents->fetch_site(agent_limit);
  cache->json = api::to_json(site);
  cache->at = runtime::boot_now();
  cache->is_fetching = false;
  cache->fetched.cancel();
}

class CachedSiteSource final : public SiteSource {
 public:
  CachedSiteSource(const boost::asio::any_io_executor& executor, api::AgentClient& agents, runtime::TaskScope& scope)
      : cache_(std::make_shared<Cache>(executor)), agents_(agents), scope_(scope) {}

  runtime::Task<Result<std::string>> site_json() override {
    const auto cache = cache_;
    if (is_fresh(*cache)) co_return cache->json;
    if (!cache->is_fetching) {
      cache->is_fetching = true;
      cache->fetched.expires_after(wait_limit);
      scope_.spawn("fetch site", fetch(cache, &agents_));
    }
    const auto [ignored] = co_await cache->fetched.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    static_cast<void>(ignored);
    if (is_fresh(*cache)) co_return cache->json;
    co_return fail(ErrorCode::timed_out, "the agents did not answer in time");
  }

 private:
  std::shared_ptr<Cache> cache_;
  api::AgentClient& agents_;
  runtime::TaskScope& scope_;
};

}  // namespace

std::unique_ptr<SiteSource> cached_site_source(boost::asio::any_io_executor executor, api::AgentClient& agents,
                                               runtime::TaskScope& scope) {
  return std::make_unique<CachedSiteSource>(executor, agents, scope);
}

}  // namespace gemel::manager
