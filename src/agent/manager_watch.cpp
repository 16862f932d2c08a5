#include "agent/manager_watch.h"

#include <algorithm>
#include <chrono>

#include "api/readiness.h"

namespace gemel::agent {
namespace {

constexpr auto interval = std::chrono::seconds(1);
constexpr auto limit = std::chrono::seconds(1);

}  // namespace

void describe_readiness(const std::string& body, api::ManagerStatus& status) {
  status.is_answering = true;
  status.is_database_reached = false;
  const auto answer = api::parse_readiness(body);
  if (!answer) {
    status.reason = "its answer cannot be read: " + answer.error().message;
    return;
  }
  const auto found = std::ranges::find(answer->checks, "database", &api::ReadinessCheck::name);
  if (found == answer->checks.end()) {
    status.reason = "it says nothing of the database";
    return;
  }
  status.is_database_reached = found->good;
  status.reason = found->good ? std::string() : found->detail;
}

ManagerWatch::ManagerWatch(boost::asio::any_io_executor executor, const site::HostConfig& config)
    : executor_(std::move(executor)), authority_(config.pki("web-ca.crt")), tasks_(executor_, "manager watch") {
  manager_.address = config.self().address;
  manager_.port = config.ports.manager_https;
  manager_.server_name = config.self().name;
  status_.database = config.database.external->endpoint();
  status_.reason = "its manager was not asked yet";
  tasks_.spawn("ask", keep_asking());
}

runtime::Task<void> ManagerWatch::keep_asking() {
  while (true) {
    co_await ask();
    co_await runtime::sleep_for(interval);
  }
}

runtime::Task<void> ManagerWatch::ask() {
  if (!client_) {
    // Read anew: while certificates are exchanged the manager is restarted, but not always this agent.
    auto tls = runtime::TlsClientContext::load({.ca = authority_}, false);
    if (!tls) {
      status_.is_answering = status_.is_database_reached = false;
      status_.reason = "its manager cannot be asked: " + tls.error().message;
      co_return;
    }
    client_ = std::make_unique<runtime::HttpClient>(executor_, manager_, *tls);
  }
  runtime::HttpRequest request;
  request.target = "/readyz";
  const auto answer = co_await client_->call(std::move(request), limit);
  if (answer) {
    describe_readiness(answer->body, status_);
    co_return;
  }
  client_.reset();
  status_.is_answering = status_.is_database_reached = false;
  status_.reason = "its manager does not answer: " + answer.error().message;
}

runtime::Task<void> ManagerWatch::stop() { co_await tasks_.stop(std::chrono::seconds(1)); }

}  // namespace gemel::agent
