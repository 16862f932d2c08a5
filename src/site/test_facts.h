// Facts of hosts for the tests of the plan: bare ones, and ones on which everything is as the plan wants it.
#pragma once

#include <string>

#include "site/plan.h"

namespace gemel::site::test {

inline const std::string site_id = "6e0f3a52-0000-4000-8000-000000000001";

/// What render() would have noted for a host: a few files, one per kind of reader.
inline std::vector<ManifestFile> manifest_of(const Host& host) {
  std::vector<ManifestFile> files{{"/etc/gemel", 0755, "root", "root", true, "", ""}};
  const auto add = [&](const std::string& path, mode_t mode, const std::string& owner) {
    files.push_back({path, mode, owner, owner, false, sha256_hex(host.name + path), "rendered" + path});
  };
  add("/etc/gemel/host.toml", 0644, "root");
  add("/etc/gemel/pki/agent.key", 0600, "root");
  if (host.concepts.manager) add("/etc/gemel/pki/web.key", 0600, "gemel-manager");
  if (host.concepts.database) add("/etc/gemel/secrets/heartbeat.key", 0600, "root");
  return files;
}

inline HostFacts bare(const Site& site, const Host& host) {
  HostFacts facts;
  facts.is_reachable = true;
  facts.host_name = host.name;
  facts.system = "debian 12";
  facts.resolved[site.dns_name] = {"192.0.2.1"};
  return facts;
}

/// Bare hosts, every one reachable, and packages of ours at hand.
inline PlanInput bare_input(const Site& site) {
  PlanInput input;
  input.site = site;
  input.manifest.site_id = site_id;
  for (const auto* name : {"gemel", "gemel-agent", "gemel-manager"})
    input.packages.push_back({name, "1.0", std::string(name) + ".deb"});
  for (const auto& host : site.hosts) {
    input.manifest.hosts[host.name] = manifest_of(host);
    input.facts[host.name] = bare(site, host);
  }
  return input;
}

/// The same after everything was carried out.
inline PlanInput done_input(const Site& site) {
  auto input = bare_input(site);
  for (const auto& host : site.hosts) {
    auto& facts = input.facts[host.name];
    facts.site_id = site_id;
    facts.is_primary = host.role == "MGMTPOSTGRES_MASTER";
    facts.packages = {{"nftables", "1"}, {"gemel", "1.0"}, {"gemel-agent", "1.0"}};
    facts.running_units = {std::string(agent_unit), std::string(firewall_unit)};
    if (host.concepts.database) facts.packages["postgresql-15"] = "15";
    if (host.concepts.voter) facts.packages["etcd-server"] = "3.4";
    if (host.concepts.balancer) facts.packages["haproxy"] = "2.6";
    if (host.concepts.manager) {
      facts.packages["gemel-manager"] = "1.0";
      facts.running_units.insert(std::string(manager_unit));
    }
    facts.enabled_units = facts.running_units;
    for (const auto& other : site.hosts) facts.resolved[other.name] = other.addresses();
    for (const auto& file : input.manifest.hosts[host.name])
      facts.files[file.path] = {file.is_directory, file.sha256, file.mode, file.owner, file.group};
    const auto rules = nftables_rules(site, host);
    facts.firewall_rules = {"input", rules.version};
    facts.files[std::string(firewall_file)] = {false, sha256_hex(rules.text), 0644, "root", "root"};
    facts.files[std::string(firewall_unit_file)] = {false, sha256_hex(firewall_unit_text()), 0644, "root", "root"};
  }
  return input;
}

}  // namespace gemel::site::test
