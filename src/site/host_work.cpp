#include "site/host_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "site/external_database.h"

namespace gemel::site {
namespace {

constexpr std::string_view host_file = "/etc/gemel/host.toml";

Step step_of(const Host& host, StepKind kind, std::string_view name) {
  Step step;
  step.id = fmt::format("{}/{}", host.name, name);
  step.host = host.name;
  step.kind = kind;
  return step;
}

const std::string* version_of(const HostFacts& facts, const std::string& package) {
  const auto found = facts.packages.find(package);
  return found == facts.packages.end() ? nullptr : &found->second;
}

Step packages_step(const PlanInput& input, HostWork& work) {
  auto step = step_of(*work.host, StepKind::install_packages, "packages");
  for (const auto& name : system_packages(work.host->concepts)) {
    if (version_of(*work.facts, name) != nullptr) continue;
    step.packages.push_back(name);
    step.changes.push_back("installs " + name);
  }
  for (const auto& name : own_packages(work.host->concepts)) {
    const auto local = std::ranges::find(input.packages, name, &LocalPackage::name);
    if (local == input.packages.end()) continue;
    const auto* present = version_of(*work.facts, name);
    if (present != nullptr && *present == local->version) continue;
    step.local_packages.push_back(*local);
    step.changes.push_back(present == nullptr ? fmt::format("installs {} {}", name, local->version)
                                              : fmt::format("replaces {} {} by {}", name, *present, local->version));
    // A new version restarts its unit itself, after it was unpacked.
    if (name == "gemel-agent" && work.is_agent_up) step.restarts.emplace_back(agent_unit);
    if (name == "gemel-manager" && work.is_manager_up) step.restarts.emplace_back(manager_unit);
  }
  if (step.restarts.empty()) step.undo = "apt-get remove, for each package that was installed";
  return step;
}

/// Every name of the site but the host's own finds one of its addresses.
bool resolves_all(const Site& site, const HostWork& work) {
  return std::ranges::all_of(site.hosts, [&](const Host& other) {
    if (other.name == work.host->name) return true;
    const auto found = work.facts->resolved.find(other.name);
    return found != work.facts->resolved.end() && std::ranges::any_of(found->second, [&](const std::string& address) {
             return std::ranges::count(other.addresses(), address) != 0;
           });
  });
}

Step hosts_step(const Site& site, const HostWork& work) {
  auto step = step_of(*work.host, StepKind::write_hosts, "hosts");
  for (const auto& other : site.hosts) {
    for (const auto& address : other.addresses()) step.text += fmt::format("{} {}\n", address, other.name);
  }
  step.changes.push_back("writes the names of the site's hosts into /etc/hosts");
  step.undo = fmt::format("remove the lines between \"# BEGIN gemel {0}\" and \"# END gemel {0}\"", site.name);
  return step;
}

/// Content and attributes are as they shall be.
bool is_laid(const HostFacts& facts, const ManifestFile& file) {
  const auto found = facts.files.find(file.path);
  if (found == facts.files.end()) return false;
  const auto& fact = found->second;
  return fact.is_directory == file.is_directory && fact.sha256 == file.sha256 && fact.mode == file.mode &&
         fact.owner == file.owner && fact.group == file.group;
}

bool has_content(const HostFacts& facts, const ManifestFile& file) {
  const auto found = facts.files.find(file.path);
  return found != facts.files.end() && found->second.sha256 == file.sha256;
}

Step firewalld_step(const Site& site, const HostWork& work, Step step) {
  step.firewall = FirewallKind::firewalld;
  step.firewalld = firewalld_change(site, *work.host, work.facts->firewall_rules);
  for (const auto& rule : step.firewalld.add) step.changes.push_back("firewalld: adds " + rule);
  for (const auto& rule : step.firewalld.remove) step.changes.push_back("firewalld: removes " + rule);
  step.undo = "firewall-cmd --permanent --remove-rich-rule, once for each rule";
  return step;
}

Step firewall_step(const PlanInput& input, const HostWork& work) {
  auto site = input.site;
  site.is_direct = site.is_direct || is_entered_directly(input, *work.host);
  auto step = step_of(*work.host, StepKind::set_firewall, "firewall");
  if (work.facts->firewall == FirewallKind::firewalld) return firewalld_step(site, work, std::move(step));
  const auto rules = nftables_rules(site, *work.host);
  const auto& files = work.facts->files;
  const auto is_there = [&](std::string_view path, std::string_view content) {
    const auto found = files.find(std::string(path));
    return found != files.end() && found->second.sha256 == sha256_hex(content);
  };
  if (std::ranges::count(work.facts->firewall_rules, rules.version) != 0 && is_there(firewall_file, rules.text) &&
      is_there(firewall_unit_file, firewall_unit_text()) &&
      work.facts->enabled_units.contains(std::string(firewall_unit))) {
    return step;
  }
  step.text = rules.text;
  step.changes.push_back("nftables: only hosts of the site reach its inner ports (table inet gemel_ports)");
  step.undo = fmt::format("systemctl disable --now {}", firewall_unit);
  return step;
}

/// The file got its content after the unit's program was started: an earlier run was stopped between the two.
bool is_unread(const HostFacts& facts, const ManifestFile& file, std::string_view unit) {
  const auto found = facts.files.find(file.path);
  const auto start = facts.started.find(std::string(unit));
  return found != facts.files.end() && start != facts.started.end() && found->second.changed > start->second;
}

Step files_step(const PlanInput& input, HostWork& work) {
  auto step = step_of(*work.host, StepKind::lay_files, "files");
  for (const auto& file : input.manifest.hosts.at(work.host->name)) {
    if (!is_laid(*work.facts, file)) {
      step.files.push_back(file);
      step.changes.push_back("lays " + file.path);
    }
    if (file.is_directory) continue;
    // Another owner or mode is set in place; nobody must read the file again for that.
    const bool is_new = !has_content(*work.facts, file);
    auto readers = readers_of(file.path, work.host->concepts);
    // Whether a provider takes a password shows when a manager connects anew: at once, and before the next one has it.
    if (input.site.database.external && file.path == application_password_file) readers.manager = true;
    if (readers.agent && (is_new || is_unread(*work.facts, file, agent_unit))) work.must_restart_agent = true;
    if (readers.manager && (is_new || is_unread(*work.facts, file, manager_unit))) work.must_restart_manager = true;
  }
  return step;
}

/// Everything but the last version of host.toml is laid on the way there. Until then the agent goes by the bridge.
void take_bridge(const Growth& growth, HostWork& work, Step& files) {
  auto bridge = step_of(*work.host, StepKind::lay_files, "bridge-files");
  std::erase_if(files.files, [&](const ManifestFile& file) {
    const bool is_early = file.path != host_file;
    if (is_early) bridge.files.push_back(file);
    return is_early;
  });
  std::erase_if(files.changes, [](const std::string& change) { return !change.ends_with(host_file); });
  for (const auto& file : bridge.files) bridge.changes.push_back("lays " + file.path);
  const auto present = work.facts->files.find(std::string(host_file));
  const bool is_there = present != work.facts->files.end() && present->second.sha256 == sha256_hex(growth.bridge);
  if (!is_there) {
    bridge.text = growth.bridge;
    bridge.changes.push_back(fmt::format("lays {} without the standbys, for now", host_file));
  }
  const auto start = work.facts->started.find(std::string(agent_unit));
  const bool is_read = is_there && start != work.facts->started.end() && present->second.changed <= start->second;
  work.must_restart_bridge = !bridge.changes.empty() || !is_read;
  if (!bridge.changes.empty()) work.bridge = std::move(bridge);
}

bool runs(const HostFacts& facts, std::string_view unit) { return facts.running_units.contains(std::string(unit)); }

// As long as a check of a run waits that was cut off and is done again at once, and a little more.
constexpr std::int64_t new_for_s = 60;

/// Was started so lately that whoever did it may have been stopped before it was seen to work.
bool is_new(const HostFacts& facts, std::string_view unit) {
  const auto start = facts.started.find(std::string(unit));
  return runs(facts, unit) && start != facts.started.end() && facts.clock != 0 &&
         facts.clock - start->second < new_for_s;
}

/// Runs now, but would not after a boot.
bool lacks_enabling(const HostFacts& facts, std::string_view unit) {
  return runs(facts, unit) && !facts.enabled_units.contains(std::string(unit));
}

}  // namespace

Readers readers_of(std::string_view path, const Concepts& concepts) {
  const auto name = path.substr(path.rfind('/') + 1);
  const bool is_manager = concepts.manager;
  if (name == "host.toml" || name == "agent-ca.crt") return {true, is_manager};
  if (name.starts_with("manager-agent.") || name == "web.crt" || name == "web.key") return {false, is_manager};
  if (name == "mgmtserver.crt" || name == "mgmtserver.key") return {false, is_manager};
  if (name == "web-ca.crt") return {concepts.balancer, is_manager};
  if (name == "db-ca.crt") return {concepts.database, is_manager};
  // The manager reads it at each connection; the agent only when it creates the database, which comes after.
  if (name == "application.password") return {false, false};
  // Everything else belongs to the agent; what is not known is better read once too often.
  return {true, false};
}

std::vector<std::string> system_packages(const Concepts& concepts) {
  std::vector<std::string> list{"nftables"};
  if (concepts.database) list.emplace_back("postgresql-15");
  if (concepts.voter) list.emplace_back("etcd-server");
  if (concepts.balancer) list.emplace_back("haproxy");
  return list;
}

std::vector<std::string> own_packages(const Concepts& concepts) {
  std::vector<std::string> list{"gemel", "gemel-agent"};
  if (concepts.manager) list.emplace_back("gemel-manager");
  return list;
}

bool is_interrupted(const HostWork& work) {
  return (work.is_agent_up && work.must_restart_agent) || (work.is_manager_up && work.must_restart_manager) ||
         std::ranges::any_of(work.prepare, [](const Step& step) { return !step.restarts.empty(); });
}

HostWork work_of(const PlanInput& input, const Host& host, const std::optional<Growth>& growth) {
  HostWork work;
  work.host = &host;
  work.facts = &input.facts.at(host.name);
  work.is_agent_up = runs(*work.facts, agent_unit);
  work.is_manager_up = runs(*work.facts, manager_unit);
  work.is_agent_new = is_new(*work.facts, agent_unit);
  work.is_manager_new = is_new(*work.facts, manager_unit);
  work.must_enable_agent = lacks_enabling(*work.facts, agent_unit);
  work.must_enable_manager = host.concepts.manager && lacks_enabling(*work.facts, manager_unit);
  auto packages = packages_step(input, work);
  if (!packages.changes.empty()) work.prepare.push_back(std::move(packages));
  if (!resolves_all(input.site, work)) work.prepare.push_back(hosts_step(input.site, work));
  auto firewall = firewall_step(input, work);
  if (!firewall.changes.empty()) work.prepare.push_back(std::move(firewall));
  auto files = files_step(input, work);
  if (growth && growth->database->name == host.name) take_bridge(*growth, work, files);
  if (!files.changes.empty()) work.prepare.push_back(std::move(files));
  return work;
}

}  // namespace gemel::site
