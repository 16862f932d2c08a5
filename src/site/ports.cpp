#include "site/ports.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace gemel::site {
namespace {

constexpr std::uint16_t ssh_port = 22;

/// Collects rules; the id follows from what a rule connects.
class Matrix {
 public:
  void add(Party to, std::string_view service, Party from, Protocol protocol, std::uint16_t port, std::string why) {
    rules_.push_back(
        {fmt::format("{}.{}.{}", to_string(to), service, to_string(from)), from, to, protocol, port, std::move(why)});
  }
  std::vector<PortRule> take() { return std::move(rules_); }

 private:
  std::vector<PortRule> rules_;
};

/// Whether the database hosts ask hosts of this party for an echo (docs/handbook/copies-and-clients.md).
bool is_service_target(const Site& site, Party party) {
  return std::ranges::any_of(site.hosts, [&](const Host& host) {
    return belongs_to(host, party) && std::ranges::any_of(host.addresses(), [&](const std::string& address) {
             return std::ranges::count(site.service_targets, address) != 0;
           });
  });
}

std::vector<std::string> addresses_of(const Site& site, Party party, const Host& without) {
  std::vector<std::string> found;
  for (const auto& host : site.hosts) {
    if (host.name == without.name || !belongs_to(host, party)) continue;
    for (const auto& address : host.addresses()) found.push_back(address);
    if (!host.concepts.database) continue;
    if (site.vip) found.push_back(site.vip->address);
    if (site.vip6) found.push_back(site.vip6->address);
    if (!host.vip.empty()) found.push_back(host.vip);
  }
  return found;
}

}  // namespace

std::string_view to_string(Party party) {
  switch (party) {
    case Party::users:
      return "users";
    case Party::operators:
      return "operators";
    case Party::host:
      return "host";
    case Party::manager:
      return "manager";
    case Party::database:
      return "database";
    case Party::balancer:
      return "balancer";
    case Party::voter:
      return "voter";
    case Party::external:
      return "external";
  }
  return "";
}

std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp:
      return "tcp";
    case Protocol::udp:
      return "udp";
    case Protocol::icmp:
      return "icmp";
  }
  return "";
}

bool is_inside(Party party) { return party != Party::users && party != Party::operators && party != Party::external; }

bool belongs_to(const Host& host, Party party) {
  switch (party) {
    case Party::users:
    case Party::operators:
    case Party::external:
      return false;
    case Party::host:
      return true;
    case Party::manager:
      return host.concepts.manager;
    case Party::database:
      return host.concepts.database;
    case Party::balancer:
      return host.concepts.balancer;
    case Party::voter:
      return host.concepts.voter;
  }
  return false;
}

std::vector<PortRule> port_rules(const Site& site) {
  using enum Party;
  using enum Protocol;
  const auto& ports = site.ports;
  Matrix matrix;
  matrix.add(balancer, "https", users, tcp, ports.https, "console and REST of the managers, through the balancer");
  matrix.add(balancer, "orchestrators", users, tcp, ports.orchestrators, "the regions' orchestrators");
  matrix.add(balancer, "statistics", operators, tcp, ports.statistics, "statistics page of the balancer");
  if (site.is_direct) {
    matrix.add(manager, "https", users, tcp, ports.manager_https, "console and REST");
    matrix.add(manager, "orchestrators", users, tcp, ports.manager_orchestrators, "the regions' orchestrators");
  }
  matrix.add(manager, "https", balancer, tcp, ports.manager_https, "console and REST, and the balancer's checks");
  matrix.add(manager, "orchestrators", balancer, tcp, ports.manager_orchestrators, "the regions' orchestrators");
  if (const auto& place = site.database.external) {
    matrix.add(external, "postgres", manager, tcp, place->port,
               fmt::format("the managers' state, at {}", place->endpoint()));
  } else {
    matrix.add(database, "postgres", manager, tcp, ports.postgres, "the managers' state");
    matrix.add(database, "postgres", database, tcp, ports.postgres, "replication, rewind and copies");
    matrix.add(database, "heartbeat", database, udp, ports.heartbeat, "heartbeats and permits");
    matrix.add(voter, "etcd_client", voter, tcp, ports.etcd_client, "agents ask the store");
    matrix.add(voter, "etcd_client", database, tcp, ports.etcd_client, "agents ask the store for the record");
    matrix.add(voter, "etcd_peer", voter, tcp, ports.etcd_peer, "the store's members agree");
  }
  matrix.add(host, "agent", host, tcp, ports.agent, "agents, managers and the command line ask agents");
  matrix.add(host, "ssh", operators, tcp, ssh_port, "set-up and operation by people");
  for (const auto party : {balancer, manager}) {
    if (is_service_target(site, party))
      matrix.add(party, "echo", database, icmp, 0, "does a primary still reach its clients' side");
  }
  return matrix.take();
}

std::vector<OpenPort> open_ports(const Site& site, const Host& host) {
  std::map<std::pair<Protocol, std::uint16_t>, OpenPort> open;
  for (const auto& rule : port_rules(site)) {
    if (!belongs_to(host, rule.to)) continue;
    auto& entry = open[{rule.protocol, rule.port}];
    entry.protocol = rule.protocol;
    entry.port = rule.port;
    entry.is_for_everyone = entry.is_for_everyone || !is_inside(rule.from);
    const auto sources = addresses_of(site, rule.from, host);
    entry.sources.insert(entry.sources.end(), sources.begin(), sources.end());
    if (rule.to == Party::database && rule.from == Party::manager)
      entry.sources.insert(entry.sources.end(), site.client_addresses.begin(), site.client_addresses.end());
  }
  std::vector<OpenPort> list;
  for (auto& [key, entry] : open) {
    if (entry.is_for_everyone) entry.sources.clear();
    std::ranges::sort(entry.sources);
    const auto twice = std::ranges::unique(entry.sources);
    entry.sources.erase(twice.begin(), twice.end());
    list.push_back(std::move(entry));
  }
  return list;
}

std::vector<Endpoint> used_endpoints(const Site& site, const Host& host, Protocol protocol) {
  std::vector<Endpoint> used;
  const auto own = host.addresses();
  for (const auto& other : site.hosts) {
    if (other.name == host.name) continue;
    for (const auto& open : open_ports(site, other)) {
      if (open.protocol != protocol || open.is_for_everyone) continue;
      for (const auto& address : other.addresses()) {
        const bool is_used = std::ranges::any_of(own, [&](const std::string& from) {
          return from.contains(':') == address.contains(':') && std::ranges::count(open.sources, from) != 0;
        });
        if (is_used) used.push_back({address, open.port});
      }
    }
  }
  return used;
}

}  // namespace gemel::site
