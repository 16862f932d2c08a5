#include "site/firewall.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "site/manifest.h"

namespace gemel::site {
namespace {

constexpr std::uint16_t ssh_port = 22;
constexpr std::size_t version_digits = 16;

bool is_v6(const std::string& address) { return address.contains(':'); }

/// The ports that only known hosts may use. Echo requests and ports for everyone need no guard.
std::vector<OpenPort> guarded_ports(const Site& site, const Host& host) {
  auto list = open_ports(site, host);
  std::erase_if(list, [](const OpenPort& open) { return open.is_for_everyone || open.protocol == Protocol::icmp; });
  return list;
}

std::vector<std::string> of_family(const std::vector<std::string>& addresses, bool wants_v6) {
  std::vector<std::string> found;
  for (const auto& address : addresses)
    if (is_v6(address) == wants_v6) found.push_back(address);
  return found;
}

std::string accept_line(const OpenPort& open, bool wants_v6) {
  const auto sources = of_family(open.sources, wants_v6);
  if (sources.empty()) return "";
  return fmt::format("    {} dport {} {} saddr {{ {} }} accept\n", to_string(open.protocol), open.port,
                     wants_v6 ? "ip6" : "ip", join(sources, ", "));
}

std::string rich_rule(const OpenPort& open, const std::string& source) {
  return fmt::format(R"(rule family="{}" source address="{}" port port="{}" protocol="{}" accept)",
                     is_v6(source) ? "ipv6" : "ipv4", source, open.port, to_string(open.protocol));
}

}  // namespace

NftablesRules nftables_rules(const Site& site, const Host& host) {
  // Before the usual filter chains, so that what comes later sees only what may come at all.
  std::string chain =
      "  chain input {\n    type filter hook input priority filter - 5; policy accept;\n    iif \"lo\" accept\n";
  for (const auto& open : guarded_ports(site, host)) {
    chain += accept_line(open, false) + accept_line(open, true);
    chain += fmt::format("    {} dport {} drop\n", to_string(open.protocol), open.port);
  }
  chain += "  }\n";
  NftablesRules rules;
  rules.version = "version_" + sha256_hex(chain).substr(0, version_digits);
  // The first two lines empty the table whether or not it was there, in the same transaction as the new one.
  rules.text = fmt::format(
      "# Written by \"gemel apply\" from the site file: only the hosts of site {} reach its inner ports.\n"
      "table inet gemel_ports\ndelete table inet gemel_ports\ntable inet gemel_ports {{\n  chain {} {{\n  }}\n{}}}\n",
      site.name, rules.version, chain);
  return rules;
}

std::string firewall_unit_text() {
  // The distribution's unit begins with an empty rule set, so ours must be loaded again whenever that one is.
  return fmt::format(
      "# Written by \"gemel apply\".\n[Unit]\nDescription=Gemel: only the site's hosts reach its inner ports\n"
      "After=nftables.service\nPartOf=nftables.service\nReloadPropagatedFrom=nftables.service\nBefore=gemeld.service "
      "network-pre.target\n"
      "Wants=network-pre.target\nDefaultDependencies=no\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
      "ExecStart=/usr/sbin/nft -f {0}\nExecReload=/usr/sbin/nft -f {0}\n"
      "ExecStop=-/usr/sbin/nft delete table inet gemel_ports\n\n[Install]\nWantedBy=multi-user.target "
      "nftables.service\n",
      firewall_file);
}

std::vector<std::string> firewalld_rules(const Site& site, const Host& host) {
  std::vector<std::string> rules;
  for (const auto& open : open_ports(site, host)) {
    if (open.protocol == Protocol::icmp || open.port == ssh_port) continue;
    if (open.is_for_everyone)
      rules.push_back(fmt::format(R"(rule port port="{}" protocol="{}" accept)", open.port, to_string(open.protocol)));
    for (const auto& source : open.sources) rules.push_back(rich_rule(open, source));
  }
  std::ranges::sort(rules);
  return rules;
}

FirewalldChange firewalld_change(const Site& site, const Host& host, const std::vector<std::string>& present) {
  const auto wanted = firewalld_rules(site, host);
  std::vector<std::string> marks;
  for (const auto& rule : port_rules(site)) {
    if (rule.port != 0 && rule.port != ssh_port && is_inside(rule.to))
      marks.push_back(fmt::format(R"(port port="{}" protocol="{}")", rule.port, to_string(rule.protocol)));
  }
  FirewalldChange change;
  for (const auto& rule : wanted)
    if (std::ranges::count(present, rule) == 0) change.add.push_back(rule);
  for (const auto& rule : present) {
    if (std::ranges::count(wanted, rule) != 0) continue;
    if (std::ranges::any_of(marks, [&](const std::string& mark) { return rule.contains(mark); }))
      change.remove.push_back(rule);
  }
  return change;
}

}  // namespace gemel::site
