#include "agent/database_role.h"

#include <cstdlib>
#include <random>

#include "adapters/address/command_address.h"
#include "adapters/address/kernel_address.h"
#include "adapters/etcd/etcd_store.h"
#include "adapters/gate/kernel_gate.h"
#include "adapters/heartbeat/udp_heartbeat.h"
#include "adapters/postgres/real_postgres.h"
#include "adapters/service/icmp_probe.h"
#include "agent/store_role.h"
#include "base/text.h"
#include "runtime/child_process.h"
#include "runtime/files.h"

namespace gemel::agent {
namespace {

Result<std::string> secret(const site::HostConfig& config, const char* file) {
  auto text = runtime::read_file(config.secret(file));
  if (!text) return std::unexpected(text.error().with(config.secret(file).string()));
  return std::string(trim(*text));
}

/// The postmaster is spared by the OOM killer if the agent is; going below one's own score needs CAP_SYS_RESOURCE.
int spared_score() {
  constexpr int wanted = -800;
  const auto own = runtime::read_file("/proc/self/oom_score_adj");
  return own && std::atoi(own->c_str()) <= wanted ? wanted : 0;
}

Result<adapters::postgres::PostgresConfig> postgres_config(const site::HostConfig& config) {
  adapters::postgres::PostgresConfig result;
  const auto own = runtime::Cgroup::own_directory();
  if (!own) return std::unexpected(own.error());
  const auto replication = secret(config, "replication.password");
  const auto rewind = secret(config, "rewind.password");
  const auto application = secret(config, "application.password");
  for (const auto* one : {&replication, &rewind, &application}) {
    if (!*one) return std::unexpected(one->error());
  }
  result.self = config.self().id();
  for (const auto& host : config.hosts_with(site::Concept::database))
    result.peers.push_back({host.id(), host.address, config.ports.postgres});
  result.bin_dir = config.database.program_directory;
  result.data_dir = config.directories.state / "postgres" / "data";
  result.tls_dir = config.directories.state / "postgres" / "tls";
  result.socket_dir = config.directories.run / "postgres";
  result.state_dir = config.directories.state / "agent";
  result.cgroup = *own / "postgres";
  result.port = config.ports.postgres;
  result.tls = {config.pki("db-ca.crt"),       config.pki("postgres.crt"),    config.pki("postgres.key"),
                config.pki("replication.crt"), config.pki("replication.key"), config.pki("rewind.crt"),
                config.pki("rewind.key")};
  result.application = {config.database.application_user, config.database.database_name, *application};
  result.oom_score_adjust = spared_score();
  result.replication_password = *replication;
  result.rewind_password = *rewind;
  return result;
}

Result<std::unique_ptr<adapters::heartbeat::Heartbeat>> start_heartbeat(boost::asio::any_io_executor executor,
                                                                        const site::HostConfig& config) {
  const auto text = secret(config, "heartbeat.key");
  if (!text) return std::unexpected(text.error());
  const auto secrets = adapters::heartbeat::parse_secrets(*text);
  if (!secrets) return std::unexpected(secrets.error().with(config.secret("heartbeat.key").string()));
  adapters::heartbeat::HeartbeatConfig heartbeat;
  heartbeat.cluster_id = config.site_id;
  heartbeat.self = config.self().id();
  heartbeat.address = config.self().address;
  heartbeat.port = config.ports.heartbeat;
  for (const auto& host : config.peers_with(site::Concept::database))
    heartbeat.peers.push_back({host.id(), host.address, config.ports.heartbeat});
  heartbeat.site_secret = secrets->present;
  heartbeat.spare_secret = secrets->spare;
  heartbeat.interval = config.timers.hb;
  heartbeat.loop_limit = config.timers.lease;
  return adapters::heartbeat::start_udp_heartbeat(executor, heartbeat);
}

std::vector<adapters::address::Address> addresses_of(const site::HostConfig& config) {
  std::vector<adapters::address::Address> result;
  if (config.vip) result.push_back({config.vip->address, 0, config.interface});
  if (config.vip6) result.push_back({config.vip6->address, 0, config.interface});
  return result;
}

}  // namespace

adapters::gate::GateConfig gate_config(const site::HostConfig& config) {
  adapters::gate::GateConfig gate;
  if (config.vip) gate.vip = config.vip->address;
  if (config.vip6) gate.vip6 = config.vip6->address;
  gate.port = config.ports.postgres;
  const auto let_in = [&](site::Concept what) {
    for (const auto& host : config.hosts_with(what)) {
      for (const auto& address : host.addresses()) gate.peers.push_back(address);
    }
  };
  let_in(site::Concept::database);
  // The managers of a standalone site come to the host's own address: there is nobody else who could serve (ADR 0026).
  if (config.is_standalone()) let_in(site::Concept::manager);
  return gate;
}

core::Config controller_config(const site::HostConfig& config) {
  core::Config result;
  for (const auto& host : config.hosts_with(site::Concept::database)) result.databases.insert(host.id());
  result.bootstrapper = config.bootstrapper().id();
  result.cluster_id = config.site_id;
  result.timers = config.timers;
  result.min_copies = config.min_copies;
  result.sync_standbys = config.sync_standbys;
  return result;
}

runtime::Task<Result<std::unique_ptr<DatabaseNode>>> make_database_node(boost::asio::any_io_executor executor,
                                                                        site::HostConfig config, EventLog* events,
                                                                        InputRing* inputs) {
  const core::Config checked = controller_config(config);
  const NodeId self = config.self().id();
  if (const auto mistakes = core::check_config(self, checked); !mistakes.empty())
    co_return fail(ErrorCode::invalid, join(mistakes, "; "));
  DatabaseParts parts;
  auto gate = adapters::gate::open_kernel_gate(executor, gate_config(config));
  if (!gate) co_return std::unexpected(gate.error().with("gate"));
  parts.gate = std::move(*gate);
  // The element of a former run lives on for what is left of its permit: a restart of the agent cuts nobody.
  if (const auto installed = co_await parts.gate->install(adapters::gate::InstallMode::keep_open); !installed) {
    co_return std::unexpected(installed.error().with("gate"));
  }
  auto postgres_settings = postgres_config(config);
  if (!postgres_settings) co_return std::unexpected(postgres_settings.error());
  auto postgres = adapters::postgres::RealPostgres::create(executor, std::move(*postgres_settings));
  if (!postgres) co_return std::unexpected(postgres.error().with("postgres"));
  parts.postgres = std::move(*postgres);
  auto store = open_store(executor, config);
  if (!store) co_return std::unexpected(store.error().with("etcd client"));
  parts.store = std::move(*store);
  auto heartbeat = start_heartbeat(executor, config);
  if (!heartbeat) co_return std::unexpected(heartbeat.error().with("heartbeat"));
  parts.heartbeat = std::move(*heartbeat);
  // A host that was frozen and runs again must not call clients back: announcements stop with the gate.
  auto keeper = adapters::address::open_kernel_address(
      executor, [gate = parts.gate.get()] { return gate->is_open().value_or(false); });
  if (!keeper) co_return std::unexpected(keeper.error().with("address"));
  parts.address = std::move(*keeper);
  parts.addresses = addresses_of(config);
  if (const auto program = config.address.program(); !program.empty()) {
    const bool can_check = config.address.provider != site::AddressProvider::command;
    parts.address = adapters::address::open_command_address(
        executor, std::move(parts.address), program, {},
        can_check ? parts.addresses : std::vector<adapters::address::Address>{});
  }
  if (const auto targets = config.service_targets_of_self(); !targets.empty()) {
    auto probe = adapters::service::open_icmp_probe(targets);
    if (!probe) co_return std::unexpected(probe.error().with("service probe"));
    parts.service = std::move(*probe);
  }
  std::random_device entropy;
  const std::uint64_t seed = (std::uint64_t{entropy()} << 32) | entropy();
  co_return std::make_unique<DatabaseNode>(executor, self, checked, seed, std::move(parts), *events, *inputs);
}

}  // namespace gemel::agent
