#include "site/growth.h"

#include <fmt/format.h>

#include <algorithm>

#include "site/host_work.h"

namespace gemel::site {
namespace {

/// As its host.toml names them.
std::ptrdiff_t databases_known_to(const HostFacts& facts) {
  return std::ranges::count_if(facts.members, [](const auto& member) { return member.second.is_database; });
}

/// Runs the site's database, and knows of no other host that does.
bool is_alone(const PlanInput& input, const Host& host, const HostFacts& facts) {
  if (!facts.is_reachable || facts.site_id != input.manifest.site_id ||
      !facts.running_units.contains(std::string(agent_unit))) {
    return false;
  }
  const auto own = facts.members.find(host.name);
  return own != facts.members.end() && own->second.is_database && databases_known_to(facts) == 1;
}

std::string bridge_of(const PlanInput& input, const Host& alone) {
  auto site = input.site;
  for (auto& host : site.hosts)
    if (host.name != alone.name) host.concepts.database = false;
  std::erase_if(site.hosts, [](const Host& host) { return host.concepts == Concepts{}; });
  // More than one standby, or one that must be there before anything is written, is no business of a host alone.
  site.sync_standbys = 1;
  site.min_copies = 1;
  const auto self = std::ranges::find(site.hosts, alone.name, &Host::name);
  return to_toml(host_config(site, input.manifest.site_id, *self));
}

bool was_opened_for_users(const HostFacts& facts, const Site& direct, const Host& host) {
  const auto holds = [&](const std::string& rule) { return std::ranges::count(facts.firewall_rules, rule) != 0; };
  if (facts.firewall == FirewallKind::nftables) return holds(nftables_rules(direct, host).version);
  return std::ranges::all_of(firewalld_rules(direct, host), holds);
}

}  // namespace

std::optional<Growth> growth_of(const PlanInput& input) {
  if (input.site.is_standalone()) return std::nullopt;
  const Host* alone = nullptr;
  for (const auto& host : input.site.hosts) {
    const auto found = input.facts.find(host.name);
    if (!host.concepts.database || found == input.facts.end()) continue;
    if (is_alone(input, host, found->second)) {
      if (alone != nullptr) return std::nullopt;
      alone = &host;
    } else if (found->second.is_primary) {
      return std::nullopt;  // the site has grown already, and has moved on
    }
  }
  if (alone == nullptr) return std::nullopt;
  return Growth{alone, bridge_of(input, *alone)};
}

std::vector<Problem> problems_of_growth(const PlanInput& input, const Growth& growth) {
  std::vector<Problem> problems;
  const auto& facts = input.facts.at(growth.database->name);
  for (const auto& [name, member] : facts.members) {
    const auto host = std::ranges::find(input.site.hosts, name, &Host::name);
    if (host != input.site.hosts.end() && host->address == member.address) continue;
    problems.push_back(
        {ProblemCode::host_left_out, growth.database->name, true,
         host == input.site.hosts.end()
             ? fmt::format("the running site has a host {}, and the site file has none", name)
             : fmt::format("the running site's {} has the address {}", name, member.address),
         "a site grows by hosts that come to those it has",
         fmt::format("keep the name {} and the address {} in the site file; the role changes", name, member.address)});
  }
  if (input.site.min_copies > 1) {
    problems.push_back({ProblemCode::no_copy_yet, growth.database->name, true,
                        fmt::format("\"min_copies\" is {}, and the database has one copy yet", input.site.min_copies),
                        "nothing could be written until the standby is copied",
                        "convert with min_copies = 1, then raise it and apply"});
  }
  return problems;
}

bool is_entered_directly(const PlanInput& input, const Host& host) {
  const auto found = input.facts.find(host.name);
  if (found == input.facts.end() || input.site.is_direct || !host.concepts.manager || host.concepts.balancer)
    return false;
  const auto& facts = found->second;
  if (!facts.running_units.contains(std::string(manager_unit))) return false;
  const auto names = facts.resolved.find(input.site.dns_name);
  if (names == facts.resolved.end()) return false;
  const auto own = host.addresses();
  if (std::ranges::none_of(names->second, [&](const auto& address) { return std::ranges::count(own, address) != 0; }))
    return false;
  auto direct = input.site;
  direct.is_direct = true;
  return growth_of(input).has_value() || was_opened_for_users(facts, direct, host);
}

}  // namespace gemel::site
