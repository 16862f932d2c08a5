// What stands in the way of a plan: see problems_of() in host_work.h.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "site/host_work.h"

namespace gemel::site {
namespace {

constexpr std::string_view supported_system = "debian 12";
constexpr std::uint16_t ssh_port = 22;

/// Units of the distribution that run what Gemel's agent runs itself.
constexpr std::array<std::string_view, 3> foreign_units{"postgresql@15-main.service", "etcd.service",
                                                        "haproxy.service"};

bool is_begun(const PlanInput& input) {
  return std::ranges::any_of(input.facts, [&](const auto& entry) {
    return entry.second.site_id == input.manifest.site_id &&
           entry.second.running_units.contains(std::string(agent_unit));
  });
}

class Finder {
 public:
  Finder(const PlanInput& input, const Host& host, const HostFacts& facts)
      : input_(input), host_(host), facts_(facts) {}

  void add(ProblemCode code, std::string text, bool is_blocking = true) {
    problems.push_back({code, host_.name, std::move(text), is_blocking});
  }
  void find();
  std::vector<Problem> problems;

 private:
  void find_servers();
  void find_packages();
  void find_paths();
  void find_warnings();
  const PlanInput& input_;
  const Host& host_;
  const HostFacts& facts_;
};

void Finder::find_servers() {
  if (facts_.running_units.contains(std::string(agent_unit))) return;  // then the ports are ours
  for (const auto unit : foreign_units) {
    if (!facts_.running_units.contains(std::string(unit))) continue;
    add(ProblemCode::foreign_server,
        fmt::format("{} runs and is not part of this site: move it elsewhere, or disable it and stop it", unit));
  }
  for (const auto& open : open_ports(input_.site, host_)) {
    if (open.protocol != Protocol::tcp || open.port == ssh_port || !facts_.listening.contains(open.port)) continue;
    add(ProblemCode::port_taken, fmt::format("port {} is taken by another program", open.port));
  }
}

void Finder::find_packages() {
  for (const auto& name : own_packages(host_.concepts)) {
    if (facts_.packages.contains(name) || std::ranges::count(input_.packages, name, &LocalPackage::name) != 0) continue;
    add(ProblemCode::no_package, fmt::format("{} is not installed, and no package file of it was given", name));
  }
}

/// A port without a program refuses at once; silence is a packet filter, or a host that is off: that one has a problem
/// of its own.
void Finder::find_paths() {
  for (const auto& other : input_.site.hosts) {
    const auto found = input_.facts.find(other.name);
    if (found == input_.facts.end() || !found->second.is_reachable) continue;
    // Its own agent decides by then: the gate of a database drops what does not come for the floating address.
    if (found->second.running_units.contains(std::string(agent_unit))) continue;
    std::set<std::uint16_t> closed;
    for (const auto& address : other.addresses()) {
      for (const auto& endpoint : facts_.silent)
        if (endpoint.address == address) closed.insert(endpoint.port);
    }
    if (closed.empty()) continue;
    std::vector<std::string> ports;
    for (const auto port : closed) ports.push_back(std::to_string(port));
    add(ProblemCode::path_closed,
        fmt::format(
            "packets to TCP {} of {} are dropped on the way: let them through in the packet filters and security "
            "groups between the two (\"gemel ports\" lists what is needed)",
            join(ports, ", "), other.name));
  }
}

void Finder::find_warnings() {
  if (facts_.host_name != host_.name) {
    add(ProblemCode::other_name, fmt::format("the system calls itself \"{}\"", facts_.host_name), false);
  }
  if (!facts_.dropping_tables.empty()) {
    add(ProblemCode::dropping_table,
        fmt::format("the packet filter drops what these tables do not accept: {}; let the ports of \"gemel ports\" in",
                    join(facts_.dropping_tables, ", ")),
        false);
  }
  if (!facts_.resolved.contains(input_.site.dns_name)) {
    add(ProblemCode::name_not_resolved,
        fmt::format("{} is not known here: users and orchestrators reach the balancer by it", input_.site.dns_name),
        false);
  }
}

void Finder::find() {
  if (facts_.system != supported_system) {
    add(ProblemCode::unsupported_system,
        fmt::format("the system is \"{}\"; Gemel's packages are for {}", facts_.system, supported_system));
  }
  if (!facts_.site_id.empty() && facts_.site_id != input_.manifest.site_id) {
    add(ProblemCode::other_site, fmt::format("the host belongs to another site ({})", facts_.site_id));
  }
  find_servers();
  find_packages();
  find_paths();
  find_warnings();
  for (auto& problem : preflight(input_.site, host_, facts_, is_begun(input_))) problems.push_back(std::move(problem));
}

}  // namespace

std::vector<Problem> problems_of(const PlanInput& input) {
  std::vector<Problem> problems;
  for (const auto& host : input.site.hosts) {
    const auto found = input.facts.find(host.name);
    if (found == input.facts.end() || !found->second.is_reachable) {
      const auto why =
          found == input.facts.end() ? std::string("nothing is known of it") : found->second.why_unreachable;
      problems.push_back({ProblemCode::unreachable, host.name, "cannot be reached: " + why, true});
      continue;
    }
    Finder finder(input, host, found->second);
    finder.find();
    for (auto& problem : finder.problems) problems.push_back(std::move(problem));
  }
  return problems;
}

std::string_view to_string(ProblemCode code) {
  switch (code) {
    case ProblemCode::unreachable:
      return "unreachable";
    case ProblemCode::unsupported_system:
      return "unsupported_system";
    case ProblemCode::other_site:
      return "other_site";
    case ProblemCode::foreign_server:
      return "foreign_server";
    case ProblemCode::port_taken:
      return "port_taken";
    case ProblemCode::no_package:
      return "no_package";
    case ProblemCode::other_name:
      return "other_name";
    case ProblemCode::dropping_table:
      return "dropping_table";
    case ProblemCode::name_not_resolved:
      return "name_not_resolved";
    case ProblemCode::data_directory:
      return "data_directory";
    case ProblemCode::clock_off:
      return "clock_off";
    case ProblemCode::little_memory:
      return "little_memory";
    case ProblemCode::little_disk:
      return "little_disk";
    case ProblemCode::other_address:
      return "other_address";
    case ProblemCode::no_interface:
      return "no_interface";
    case ProblemCode::floating_taken:
      return "floating_taken";
    case ProblemCode::path_closed:
      return "path_closed";
    case ProblemCode::no_source:
      return "no_source";
    case ProblemCode::old_postgres:
      return "old_postgres";
  }
  return "";
}

}  // namespace gemel::site
