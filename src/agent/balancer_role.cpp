#include "agent/balancer_role.h"

#include <algorithm>
#include <cctype>
#include <chrono>

#include "base/text.h"
#include "runtime/child_process.h"
#include "runtime/files.h"

namespace gemel::agent {
namespace {

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return text;
}

}  // namespace

Result<adapters::haproxy::BalancerConfig> balancer_config(const site::HostConfig& config) {
  const auto password = runtime::read_file(config.secret("statistics.password"));
  if (!password) return std::unexpected(password.error().with(config.secret("statistics.password").string()));
  adapters::haproxy::BalancerConfig balancer;
  balancer.dns_name = config.dns_name;
  balancer.bind_addresses = config.self().addresses();
  balancer.https = config.ports.https;
  balancer.orchestrators = config.ports.orchestrators;
  balancer.statistics = config.ports.statistics;
  balancer.redirect = 80;
  balancer.certificate = config.pki("mgmtserver.pem");
  balancer.manager_authority = config.pki("web-ca.crt");
  balancer.statistics_password = std::string(trim(*password));
  balancer.user = "haproxy";
  for (const auto& host : config.hosts_with(site::Concept::manager)) {
    balancer.managers.push_back(
        {host.name, host.address, config.ports.manager_https, config.ports.manager_orchestrators});
  }
  return balancer;
}

BalancerRole::BalancerRole(boost::asio::any_io_executor executor, adapters::haproxy::HaproxyOptions options,
                           EventLog& events)
    : events_(events), haproxy_(executor, std::move(options)), tasks_(executor, "balancer") {}

Result<std::unique_ptr<BalancerRole>> BalancerRole::start(boost::asio::any_io_executor executor,
                                                          const site::HostConfig& config, EventLog& events) {
  auto balancer = balancer_config(config);
  if (!balancer) return std::unexpected(balancer.error());
  const auto own = runtime::Cgroup::own_directory();
  if (!own) return std::unexpected(own.error());
  adapters::haproxy::HaproxyOptions options;
  options.run_directory = config.directories.run / "haproxy";
  options.cgroup = *own / "haproxy";
  std::unique_ptr<BalancerRole> role(new BalancerRole(executor, std::move(options), events));
  role->tasks_.spawn("haproxy", role->keep_running(std::move(*balancer)));
  return role;
}

runtime::Task<void> BalancerRole::keep_running(adapters::haproxy::BalancerConfig config) {
  if (const auto applied = co_await haproxy_.apply(config); !applied) {
    events_.add(runtime::LogLevel::error, "haproxy", "HAProxy does not serve: " + applied.error().to_string());
  }
  while (true) {
    status_.is_running = haproxy_.is_running();
    const auto states = co_await haproxy_.server_states();
    std::vector<api::BackendStatus> backends;
    for (const auto& server : states.value_or(std::vector<adapters::haproxy::ServerState>{})) {
      if (server.backend != "managers") continue;
      const auto state = upper(to_string(server.condition));
      const auto before = std::ranges::find(status_.backends, server.server, &api::BackendStatus::host);
      if (before != status_.backends.end() && before->state != state) {
        events_.add(runtime::LogLevel::info, "backend",
                    server.server + " is " + state + " for the balancer (" + server.check + ")");
      }
      backends.push_back({server.server, state, static_cast<std::int64_t>(server.sessions)});
    }
    status_.backends = std::move(backends);
    co_await runtime::sleep_for(std::chrono::milliseconds(500));
  }
}

runtime::Task<void> BalancerRole::stop() {
  co_await tasks_.stop(std::chrono::seconds(1));
  (void)co_await haproxy_.stop(std::chrono::seconds(2));
}

}  // namespace gemel::agent
