// Putting the manager's parts together, and taking them apart in the right order.
#include "manager/server.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "manager/postgres_notes_store.h"
#include "runtime/log.h"
#include "runtime/systemd_notify.h"

namespace gemel::manager {

using runtime::Task;

namespace {

constexpr auto probe_interval = std::chrono::milliseconds(500);
constexpr auto probe_limit = std::chrono::milliseconds(1000);
// Three of the balancers' checks: two make a server down, one for the phase.
constexpr auto drain_time = std::chrono::milliseconds(1200);
constexpr auto finish_limit = std::chrono::seconds(10);
constexpr std::size_t max_body = 64U << 10;
constexpr std::size_t max_connections = 1000;

Task<void> watch_database(NotesStore* notes, ReadinessState* readiness) {
  bool was_good = true;
  for (;;) {
    const auto answer = co_await notes->ping(probe_limit);
    if (answer) {
      readiness->database_answered(runtime::boot_now());
      if (!was_good) runtime::log_info("the database answers again");
    } else {
      readiness->database_failed(answer.error().message);
      if (was_good) runtime::log_warn("the database does not answer, requests wait: " + answer.error().to_string());
    }
    was_good = answer.has_value();
    runtime::notify_systemd(was_good ? "STATUS=serving" : "STATUS=serving, the database does not answer");
    co_await runtime::sleep_for(probe_interval);
  }
}

Task<void> feed_watchdog(Duration interval) {
  for (;;) {
    runtime::notify_systemd("WATCHDOG=1");
    co_await runtime::sleep_for(interval / 2);
  }
}

Task<void> stop_listener(runtime::HttpServer* listener, Duration limit) { co_await listener->stop(limit); }

Task<runtime::HttpResponse> answer(Application* application, runtime::HttpRequest request, runtime::Peer peer) {
  co_return co_await application->handle(std::move(request), std::move(peer));
}

Task<runtime::HttpResponse> answer_orchestrator(Application* application, runtime::HttpRequest request,
                                                runtime::Peer peer) {
  co_return co_await application->handle_orchestrator(std::move(request), std::move(peer));
}

}  // namespace

Server::Server(boost::asio::any_io_executor executor, site::HostConfig config)
    : executor_(executor),
      config_(std::move(config)),
      database_(config_),
      readiness_(runtime::boot_now()),
      tasks_(executor, "manager") {}

Server::~Server() = default;

Status Server::start_parts() {
  auto agents = api::AgentClient::create(executor_, config_, api::AgentIdentity::manager);
  if (!agents) return std::unexpected(agents.error());
  agents_ = std::move(*agents);
  if (auto status = database_.check(); !status) return status;
  notes_ = postgres_notes_store(
      executor_, {.conninfos = [this](Duration limit) { return database_.find(limit); }, .manager = config_.self_name});
  site_ = cached_site_source(executor_, *agents_, tasks_);
  application_ = std::make_unique<Application>(ApplicationParts{
      .host = config_.self_name, .notes = *notes_, .site = *site_, .readiness = readiness_, .policy = {}});
  return {};
}

Status Server::listen(const std::string& address, std::uint16_t port, runtime::HttpHandler handler) {
  runtime::HttpServerOptions options;
  options.address = address;
  options.port = port;
  // The balancers ask for the host's name and believe the site's web authority; users ask for the site's DNS name, and
  // may be shown the operator's own certificate. A host laid out by an earlier version has the former only.
  options.tls = {.ca = {}, .certificate = config_.pki("web.crt"), .key = config_.pki("web.key")};
  std::error_code error;
  if (std::filesystem::exists(config_.pki("mgmtserver.crt"), error)) {
    options.named = runtime::NamedCertificate{
        {.ca = {}, .certificate = config_.pki("mgmtserver.crt"), .key = config_.pki("mgmtserver.key")},
        config_.self_name};
  }
  options.max_body = max_body;
  options.max_connections = max_connections;
  auto listener = runtime::HttpServer::start(executor_, std::move(options), std::move(handler));
  if (!listener) return std::unexpected(listener.error().with(fmt::format("listening on {} port {}", address, port)));
  listeners_.push_back(std::move(*listener));
  return {};
}

Status Server::start() {
  if (auto status = start_parts(); !status) return status;
  auto* application = application_.get();
  for (const auto& address : config_.self().addresses()) {
    auto status =
        listen(address, config_.ports.manager_https, [application](runtime::HttpRequest request, runtime::Peer peer) {
          return answer(application, std::move(request), std::move(peer));
        });
    if (!status) return status;
    status = listen(address, config_.ports.manager_orchestrators,
                    [application](runtime::HttpRequest request, runtime::Peer peer) {
                      return answer_orchestrator(application, std::move(request), std::move(peer));
                    });
    if (!status) return status;
  }
  tasks_.spawn("watch database", watch_database(notes_.get(), &readiness_));
  if (const auto interval = runtime::watchdog_interval()) tasks_.spawn("watchdog", feed_watchdog(*interval));
  return {};
}

Task<void> Server::shut_down() {
  readiness_.drain();
  co_await runtime::sleep_for(drain_time);
  runtime::TaskScope stopping(executor_, "stopping");
  for (std::size_t index = 1; index < listeners_.size(); ++index) {
    stopping.spawn("listener", stop_listener(listeners_[index].get(), finish_limit));
  }
  if (!listeners_.empty()) co_await listeners_[0]->stop(finish_limit);
  while (stopping.size() > 0)
    co_await runtime::sleep_for(std::chrono::milliseconds(10));  // each ends within finish_limit
  co_await tasks_.stop(std::chrono::seconds(1));
}

}  // namespace gemel::manager
