// What stands in the way of a plan: see problems_of() in host_work.h.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "site/external_database.h"
#include "site/growth.h"
#include "site/host_work.h"
#include "site/timer_change.h"

namespace gemel::site {
namespace {

constexpr std::string_view supported_system = "debian 12";
constexpr std::uint16_t ssh_port = 22;
// A data centre has less than one; zones of a cloud's region one to three.
constexpr std::chrono::milliseconds slow_round_trip(10);

/// Units of the distribution that run what Gemel's agent runs itself.
constexpr std::array<std::string_view, 3> foreign_units{"postgresql@15-main.service", "etcd.service",
                                                        "haproxy.service"};

bool is_begun(const PlanInput& input) {
  return std::ranges::any_of(input.facts, [&](const auto& entry) {
    return entry.second.site_id == input.manifest.site_id &&
           entry.second.running_units.contains(std::string(agent_unit));
  });
}

/// Who answers at the floating address may be our own primary.
bool may_answer(const PlanInput& input) {
  const auto growth = growth_of(input);
  return is_begun(input) && !(growth && input.facts.at(growth->database->name).floating.empty());
}

class Finder {
 public:
  Finder(const PlanInput& input, const Host& host, const HostFacts& facts)
      : input_(input), host_(host), facts_(facts) {}

  struct Words {
    std::string what, why, mend;
  };
  void add(ProblemCode code, Words words, bool is_blocking = true) {
    problems.push_back(
        {code, host_.name, is_blocking, std::move(words.what), std::move(words.why), std::move(words.mend)});
  }
  void find();
  std::vector<Problem> problems;

 private:
  void find_servers();
  void find_packages();
  void find_paths();
  void find_weak_paths();
  void find_warnings();
  void find_name();
  void find_other_database();
  void find_external_database();
  const PlanInput& input_;
  const Host& host_;
  const HostFacts& facts_;
};

void Finder::find_servers() {
  if (facts_.running_units.contains(std::string(agent_unit))) return;  // then the ports are ours
  for (const auto unit : foreign_units) {
    if (!facts_.running_units.contains(std::string(unit))) continue;
    add(ProblemCode::foreign_server,
        {fmt::format("{} runs and is not part of this site", unit),
         "Gemel's agent runs the servers itself, at the same place", "move it elsewhere, or disable it and stop it"});
  }
  for (const auto& open : open_ports(input_.site, host_)) {
    if (open.protocol != Protocol::tcp || open.port == ssh_port || !facts_.listening.contains(open.port)) continue;
    const auto owner = facts_.listeners.find(open.port);
    add(ProblemCode::port_taken,
        {fmt::format("port {} is taken by {}", open.port,
                     owner == facts_.listeners.end() ? std::string("another program") : owner->second),
         "the site's own program could not listen there",
         fmt::format("stop it (\"ss -ltnp\" shows it), or give the site another port under [ports] in the site file")});
  }
}

void Finder::find_packages() {
  for (const auto& name : own_packages(host_.concepts)) {
    if (facts_.packages.contains(name) || std::ranges::count(input_.packages, name, &LocalPackage::name) != 0) continue;
    add(ProblemCode::no_package, {fmt::format("{} is not installed, and no package file of it was given", name), "",
                                  "name the directory with Gemel's package files with --packages"});
  }
}

/// Until our rules are there firewalld turns everybody away: what a path lets through cannot be seen before.
bool is_closed_as_yet(const Site& site, const Host& host, const HostFacts& facts) {
  return facts.firewall == FirewallKind::firewalld && !firewalld_change(site, host, facts.firewall_rules).add.empty();
}

/// A port without a program refuses at once; silence is a packet filter, or a host that is off: that one has a problem
/// of its own.
void Finder::find_paths() {
  for (const auto& other : input_.site.hosts) {
    const auto found = input_.facts.find(other.name);
    if (found == input_.facts.end() || !found->second.is_reachable) continue;
    // Its own agent decides by then: the gate of a database drops what does not come for the floating address.
    if (found->second.running_units.contains(std::string(agent_unit))) continue;
    if (is_closed_as_yet(input_.site, other, found->second)) continue;
    std::set<std::uint16_t> closed;
    for (const auto& address : other.addresses()) {
      for (const auto& endpoint : facts_.silent)
        if (endpoint.address == address) closed.insert(endpoint.port);
    }
    if (closed.empty()) continue;
    std::vector<std::string> ports;
    for (const auto port : closed) ports.push_back(std::to_string(port));
    add(ProblemCode::path_closed,
        {fmt::format("packets to TCP {} of {} are dropped on the way", join(ports, ", "), other.name),
         "the site's programs on the two could not speak to each other",
         "let them through in the packet filters and security groups between the two (\"gemel ports\" lists what is "
         "needed)"});
  }
}

/// None of these stands in the way: a packet filter may keep only the answers back, and a slow way works slowly.
void Finder::find_weak_paths() {
  for (const auto& other : input_.site.hosts) {
    const auto found = input_.facts.find(other.name);
    if (other.name == host_.name || found == input_.facts.end() || !found->second.is_reachable) continue;
    const bool is_deaf = found->second.running_units.contains(std::string(agent_unit)) ||
                         is_closed_as_yet(input_.site, other, found->second);
    std::vector<std::string> silent;
    for (const auto& address : other.addresses()) {
      const auto is_silent = [&](const Endpoint& endpoint) { return endpoint.address == address; };
      // An agent answers to the site's heartbeats only.
      if (!is_deaf && std::ranges::any_of(facts_.silent_udp, is_silent)) silent.push_back(address);
    }
    if (!silent.empty()) {
      add(ProblemCode::path_silent,
          {fmt::format("datagrams to UDP {} of {} ({}) get no answer of any kind", input_.site.ports.heartbeat,
                       other.name, join(silent, ", ")),
           "without heartbeats there is no failover, and a primary stops serving",
           "let UDP through between the two, if a packet filter drops it"},
          false);
    }
    if (facts_.small_packets.contains(other.address)) {
      add(ProblemCode::small_packets,
          {fmt::format("packets of this host's full size do not reach {}", other.name),
           "connections hang as soon as much is sent", "give the links between the two the same MTU"},
          false);
    }
    const auto trip = facts_.round_trips.find(other.address);
    if (trip != facts_.round_trips.end() && trip->second >= slow_round_trip) {
      add(ProblemCode::slow_path,
          {fmt::format("the way to {} and back takes {:.1f} ms", other.name,
                       static_cast<double>(trip->second.count()) / 1000.0),
           "every commit waits that long for the standby", "put the hosts into one data centre"},
          false);
    }
  }
}

void Finder::find_warnings() {
  if (facts_.host_name != host_.name) {
    add(ProblemCode::other_name,
        {fmt::format("the system calls itself \"{}\"", facts_.host_name), "its logs have another name than the site's",
         "hostnamectl set-hostname " + host_.name},
        false);
  }
  if (!facts_.dropping_tables.empty()) {
    add(ProblemCode::dropping_table,
        {fmt::format("the packet filter drops what these tables do not accept: {}", join(facts_.dropping_tables, ", ")),
         "a packet must pass every table", "let the ports of \"gemel ports\" in"},
        false);
  }
  find_name();
}

/// Once the site is begun a name server that is down must not keep anybody from mending it.
void Finder::find_name() {
  const auto& name = input_.site.dns_name;
  if (facts_.resolved.contains(name)) return;
  std::vector<std::string> entrances;
  for (const auto& host : input_.site.hosts) {
    const bool is_entrance = input_.site.is_direct ? host.concepts.manager : host.concepts.balancer;
    if (is_entrance) entrances.push_back(host.address);
  }
  add(ProblemCode::name_not_resolved,
      {fmt::format("the name {} is not known here", name),
       fmt::format("users and orchestrators reach the {} by it", input_.site.is_direct ? "manager" : "balancer"),
       fmt::format("add it to your DNS (or to /etc/hosts) with the {}'s address {}, or correct dns_name in the "
                   "site file",
                   input_.site.is_direct ? "manager" : "balancer", join(entrances, ", "))},
      !is_begun(input_));
}

/// Managers that are changed one after the other would write to two databases, and nobody has moved the data.
void Finder::find_other_database() {
  const auto& external = input_.site.database.external;
  if (facts_.site_id.empty() || facts_.site_id != input_.manifest.site_id || facts_.members.empty()) return;
  const auto wanted = external ? external->endpoint() : std::string();
  if (facts_.endpoint == wanted) return;
  const auto name = [](const std::string& endpoint) {
    return endpoint.empty() ? std::string("the site's own database") : "the database " + endpoint;
  };
  const bool is_moved = !facts_.endpoint.empty() && !wanted.empty();
  // Once its managers stand still, only a person knows whether it is the same data under another name.
  if (is_moved && !facts_.running_units.contains(std::string(manager_unit))) return;
  add(ProblemCode::other_database,
      {fmt::format("this host uses {}, the site file has {}", name(facts_.endpoint), name(wanted)),
       "nobody moves the data, and managers that are changed one after the other would write to both",
       is_moved
           ? fmt::format("see that the data is there, stop every manager (systemctl stop {}), then again", manager_unit)
           : std::string("correct the site file; to move for good, dump the data, \"gemel destroy\", set the site "
                         "up anew and restore it there")});
}

void Finder::find_external_database() {
  const auto& external = input_.site.database.external;
  if (!external || !host_.concepts.manager) return;
  const auto endpoint = external->endpoint();
  if (external->ca == system_ca_file && !facts_.files.contains(std::string(system_ca_file))) {
    add(ProblemCode::no_authorities,
        {fmt::format("{} is not there", system_ca_file), "the database's certificate is verified against it",
         "apt-get install ca-certificates, or name the provider's authorities as \"ca\" in [database]"});
  }
  if (!facts_.unreached.empty()) {
    add(ProblemCode::database_silent,
        {fmt::format("the database {} is not reached: {}", endpoint, facts_.unreached),
         "the managers keep everything there",
         "see that it runs, that its name is known here, and that its network lets this host in (security groups, "
         "packet filters); or correct \"endpoint\" in [database]"},
        !is_begun(input_));
  } else if (!facts_.login_refused.empty()) {
    add(ProblemCode::database_refuses,
        {fmt::format("the database {} does not take the managers' user: {}", endpoint, facts_.login_refused),
         "no manager could work",
         "correct \"endpoint\", \"ca\", \"user\", \"name\" or the password file in [database], or what the provider "
         "has"});
  }
}

void Finder::find() {
  if (facts_.system != supported_system) {
    add(ProblemCode::unsupported_system,
        {fmt::format("the system is \"{}\"", facts_.system),
         fmt::format("Gemel's packages are for {}", supported_system), "install that one"});
  }
  if (!facts_.site_id.empty() && facts_.site_id != input_.manifest.site_id) {
    add(ProblemCode::other_site, {fmt::format("the host belongs to another site ({})", facts_.site_id),
                                  "two sites cannot share a host, and this state directory has other keys",
                                  "name that site's state directory with --state, or use a host that is free"});
  }
  find_other_database();
  find_external_database();
  find_servers();
  find_packages();
  find_paths();
  find_weak_paths();
  find_warnings();
  for (auto& problem : preflight(input_.site, host_, facts_, may_answer(input_)))
    problems.push_back(std::move(problem));
}

Problem unreached(const Host& host, const HostFacts* facts) {
  Problem problem{ProblemCode::unreachable, host.name, true, "cannot be reached", "nothing is known of it", ""};
  if (facts == nullptr) return problem;
  problem.why = facts->why_unreachable;
  switch (facts->obstacle) {
    case Obstacle::key_refused:
      problem.mend =
          "put the key's public half into /root/.ssh/authorized_keys there (ssh-copy-id), or name another "
          "with --key; passwords are not asked for";
      break;
    case Obstacle::other_host_key:
      problem.mend =
          "find out why: another machine may answer at its address. If the host was installed anew, replace "
          "it with \"gemel replace-host\"";
      break;
    case Obstacle::no_answer:
      problem.mend =
          fmt::format("see that it is on, that {} is its address, and that its sshd lets this host in", host.address);
      break;
  }
  return problem;
}

/// A host that is deleted from the site file only would go on with what it has, and others would be told to cut it off.
std::vector<Problem> problems_of_hosts_left_out(const PlanInput& input) {
  std::vector<Problem> problems;
  std::set<std::string> left_out;
  for (const auto& [name, facts] : input.facts) {
    if (facts.site_id != input.manifest.site_id || !facts.running_units.contains(std::string(agent_unit))) continue;
    for (const auto& [member, fact] : facts.members) {
      const bool is_known = std::ranges::count(input.site.hosts, member, &Host::name) != 0;
      if (is_known || member == input.leaving || !left_out.insert(member).second) continue;
      problems.push_back(
          {ProblemCode::host_left_out, name, true,
           fmt::format("the running site has a host {}, and the site file has none", member),
           "nobody would have stopped it, and it may hold the newest data",
           fmt::format("put it back into the site file, and take it out with \"gemel remove-host {}\"", member)});
    }
  }
  return problems;
}

}  // namespace

std::vector<Problem> problems_of(const PlanInput& input) {
  std::vector<Problem> problems;
  for (const auto& host : input.site.hosts) {
    const auto found = input.facts.find(host.name);
    if (found == input.facts.end() || !found->second.is_reachable) {
      problems.push_back(unreached(host, found == input.facts.end() ? nullptr : &found->second));
      continue;
    }
    Finder finder(input, host, found->second);
    finder.find();
    for (auto& problem : finder.problems) problems.push_back(std::move(problem));
  }
  if (const auto growth = growth_of(input)) {
    for (auto& problem : problems_of_growth(input, *growth)) problems.push_back(std::move(problem));
  } else {
    for (auto& problem : problems_of_hosts_left_out(input)) problems.push_back(std::move(problem));
  }
  for (auto& problem : problems_of_timers(input)) problems.push_back(std::move(problem));
  problems.insert(problems.end(), input.findings.begin(), input.findings.end());
  return problems;
}

}  // namespace gemel::site
