// The port matrix of a site: who speaks to whom, by which port, and why. The only place that knows it; the firewalls of
// the hosts, the clouds' security groups and `gemel ports` are made from it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "site/host_facts.h"
#include "site/site.h"

namespace gemel::site {

/// One side of a rule. `users` are clients of the managed product and the regions' orchestrators; `operators` the
/// people who look after the site. Neither has addresses that the site file knows. `host` is every host of the site.
/// `external` is the endpoint of an external database, spoken to and never speaking.
enum class Party : std::uint8_t { users, operators, host, manager, database, balancer, voter, external };
enum class Protocol : std::uint8_t { tcp, udp, icmp };  // icmp: echo requests, of both IP families

std::string_view to_string(Party party);
std::string_view to_string(Protocol protocol);
/// True for parties that are hosts of the site.
bool is_inside(Party party);
/// True when `host` belongs to `party`; never for users, operators and an external database.
bool belongs_to(const Host& host, Party party);

struct PortRule {
  std::string id;  // stable: "database.postgres.manager" = to, service, from
  Party from = Party::users;
  Party to = Party::host;
  Protocol protocol = Protocol::tcp;
  std::uint16_t port = 0;  // 0: the protocol has none
  std::string why;
};

/// Every rule of the site, ordered by who is spoken to.
std::vector<PortRule> port_rules(const Site& site);

/// One port of one host, as a packet filter sees it.
struct OpenPort {
  Protocol protocol = Protocol::tcp;
  std::uint16_t port = 0;
  bool is_for_everyone = false;      // users or operators may use it
  std::vector<std::string> sources;  // IP literals (and the site's client_addresses) without this host's own, sorted,
                                     // each once; empty for everyone
  bool operator==(const OpenPort&) const = default;
};

/// What the rules mean for `host`, one entry per port, ordered by protocol and port. A database host may speak from the
/// floating addresses too, so they count as its own. Pre: `host` is one of the site's.
std::vector<OpenPort> open_ports(const Site& site, const Host& host);

/// The ports of other hosts that `host` must reach, at each address of the same family as one of its own.
std::vector<Endpoint> used_endpoints(const Site& site, const Host& host, Protocol protocol = Protocol::tcp);

}  // namespace gemel::site
