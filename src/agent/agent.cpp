#include "agent/agent.h"

#include <fmt/format.h>

#include <chrono>

#include "agent/database_role.h"
#include "agent/describe_status.h"
#include "agent/metrics.h"
#include "runtime/files.h"
#include "runtime/systemd_notify.h"

namespace gemel::agent {
namespace {

using runtime::Task;

std::string status_line(const api::HostStatus& status) {
  if (!status.database)
    return status.role +
           (status.store ? fmt::format(", {} of {} voters answer", status.store->reachable, status.store->voters) : "");
  const auto& database = *status.database;
  std::string line = fmt::format("{}, epoch {}, timeline {}", database.role, status.record ? status.record->epoch : 0,
                                 database.timeline);
  for (const auto& standby : database.standbys) line += fmt::format(", {} lag {} B", standby.host, standby.lag_bytes);
  return line;
}

/// The recorded inputs; some MiB of a disk that may be slow, so not on the loop.
Task<runtime::HttpResponse> inputs_answer(std::filesystem::path file) {
  runtime::HttpResponse response;
  response.headers["content-type"] = "application/jsonl; charset=utf-8";
  co_await runtime::run_blocking([&response, file] { response.body = InputRing::read(file); });
  co_return response;
}

}  // namespace

Agent::Agent(boost::asio::any_io_executor executor, site::HostConfig config)
    : executor_(executor),
      config_(std::move(config)),
      started_(runtime::boot_now()),
      events_(config_.directories.state / "agent" / "events.jsonl", config_.self_name),
      inputs_(config_.directories.state / "agent" / "inputs" / "inputs.jsonl"),
      tasks_(executor, "agent") {}

Agent::~Agent() = default;

Task<Status> Agent::start() {
  std::error_code failed;
  std::filesystem::create_directories(config_.directories.state / "agent" / "inputs", failed);
  std::filesystem::create_directories(config_.directories.run, failed);
  if (failed)
    co_return fail(ErrorCode::denied,
                   "cannot create directories below " + config_.directories.state.string() + ": " + failed.message());
  std::filesystem::permissions(config_.directories.state / "agent", std::filesystem::perms::owner_all, failed);
  events_.load();
  events_.add(runtime::LogLevel::info, "start",
              fmt::format("gemeld {} starts on {} ({})", GEMEL_VERSION, config_.self_name, config_.self().role));
  if (const auto status = start_voter(); !status) co_return status;
  if (const auto status = start_balancer(); !status) co_return status;
  if (config_.database.external && config_.self().concepts.manager)
    manager_ = std::make_unique<ManagerWatch>(executor_, config_);
  if (config_.self().concepts.database) {
    if (const auto status = co_await start_database(); !status) co_return status;
  }
  if (const auto status = start_endpoints(); !status) co_return status;
  tasks_.spawn("events", events_.keep_writing());
  tasks_.spawn("inputs", inputs_.keep_writing());
  tasks_.spawn("report", keep_reporting());
  co_return Status{};
}

Task<Status> Agent::start_database() {
  auto node = co_await make_database_node(executor_, config_, &events_, &inputs_);
  if (!node) co_return std::unexpected(node.error());
  database_ = std::move(*node);
  database_->start();
  co_return Status{};
}

Status Agent::start_voter() {
  if (!config_.self().concepts.voter) return {};
  auto voter = VoterRole::start(executor_, config_, [this] { return database_ && database_->state().is_holder(); });
  if (!voter) return std::unexpected(voter.error());
  voter_ = std::move(*voter);
  return {};
}

Status Agent::start_balancer() {
  if (!config_.self().concepts.balancer) return {};
  auto balancer = BalancerRole::start(executor_, config_, events_);
  if (!balancer) return std::unexpected(balancer.error());
  balancer_ = std::move(*balancer);
  return {};
}

Status Agent::start_endpoints() {
  source_.site = config_.site;
  source_.host = config_.self_name;
  source_.status = [this] { return status(); };
  source_.events = [this](std::uint64_t after) { return events_.after(after); };
  source_.metrics = [this] { return metrics(); };
  if (database_) {
    source_.switch_over = [this](NodeId to) { return database_->switch_over(std::move(to)); };
    source_.pause = [this](core::event::PauseAsked asked) { return database_->pause(std::move(asked)); };
    source_.resume = [this](std::string by) { return database_->resume(std::move(by)); };
    source_.force = [this](std::string by, bool confirmed_fenced) {
      return database_->force(std::move(by), confirmed_fenced);
    };
    source_.replica_lag = [this] { return replica_lag(database_->state()); };
  }
  const auto handler = [this](runtime::HttpRequest request, runtime::Peer peer) -> Task<runtime::HttpResponse> {
    if (database_ && request.method == "GET" && request.target == "/inputs") return inputs_answer(inputs_.file());
    return [](const EndpointSource* source, runtime::HttpRequest asked,
              runtime::Peer from) -> Task<runtime::HttpResponse> {
      co_return answer(*source, asked, from);
    }(&source_, std::move(request), std::move(peer));
  };
  runtime::HttpServerOptions local;
  local.local_socket = config_.directories.run / "gemeld.sock";
  std::vector<runtime::HttpServerOptions> all{local};
  for (const auto& address : config_.self().addresses()) {
    runtime::HttpServerOptions remote;
    remote.address = address;
    remote.port = config_.ports.agent;
    remote.tls = {config_.pki("agent-ca.crt"), config_.pki("agent.crt"), config_.pki("agent.key")};
    remote.client_certificates = runtime::ClientCertificates::required;
    remote.only_tls13 = true;
    remote.max_connections = 100;
    remote.max_body = 64U << 10;
    all.push_back(std::move(remote));
  }
  for (auto& options : all) {
    const std::string where = options.local_socket.empty() ? fmt::format("{} port {}", options.address, options.port)
                                                           : options.local_socket.string();
    auto server = runtime::HttpServer::start(executor_, std::move(options), handler);
    if (!server) return std::unexpected(server.error().with("endpoint on " + where));
    servers_.push_back(std::move(*server));
  }
  return {};
}

api::HostStatus Agent::status() const {
  const TimePoint now = runtime::boot_now();
  auto status = describe_host(config_, std::chrono::duration_cast<std::chrono::seconds>(now - started_).count());
  if (database_) {
    const DatabaseView view{database_->state(),           database_->parts().heartbeat->stats(),
                            database_->is_address_held(), database_->doing(),
                            database_->obstacle(),        now};
    describe_record(view.state, status);
    status.database = describe_database(view);
    status.store = describe_store(database_->parts().store->quorum());
    status.problems = database_problems(view);
  } else if (voter_) {
    status.store = describe_store(voter_->quorum());
  }
  if (status.store && voter_ && !voter_->has_answered()) {
    auto& silent = status.store->silent;
    if (std::ranges::count(silent, status.host) == 0) silent.push_back(status.host);
  }
  if (balancer_) status.balancer = balancer_->describe();
  if (manager_) status.manager = manager_->describe();
  return status;
}

std::string Agent::metrics() const {
  if (!database_) return metrics_text(status(), nullptr, nullptr);
  const auto stats = database_->parts().heartbeat->stats();
  return metrics_text(status(), &database_->state(), &stats, &database_->failover());
}

Task<void> Agent::keep_reporting() {
  const auto watchdog = runtime::watchdog_interval();
  const Duration interval =
      watchdog ? std::min<Duration>(*watchdog / 2, std::chrono::seconds(1)) : std::chrono::seconds(1);
  std::string last;
  while (true) {
    runtime::notify_systemd("WATCHDOG=1");
    if (const auto line = status_line(status()); line != last) {
      runtime::notify_systemd("STATUS=" + line);
      last = line;
    }
    co_await runtime::sleep_to_beat(interval);
  }
}

Task<void> Agent::stop() {
  events_.add(runtime::LogLevel::info, "stop", "gemeld stops");
  if (database_) co_await database_->stop(std::chrono::seconds(15));
  for (auto& server : servers_) co_await server->stop(std::chrono::milliseconds(500));
  if (manager_) co_await manager_->stop();
  if (balancer_) co_await balancer_->stop();
  if (voter_) co_await voter_->stop();
  co_await tasks_.stop(std::chrono::seconds(1));
  leave();
}

void Agent::leave() {
  events_.flush();
  inputs_.flush();
}

}  // namespace gemel::agent
