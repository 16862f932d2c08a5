// The plan: ordered steps that take the hosts from what they are to what the site file says. Pure: values in, values
// out. Carrying it out is the setup's matter; a second plan after a half-done one holds exactly what is left.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "site/firewall.h"
#include "site/host_facts.h"
#include "site/manifest.h"
#include "site/problem.h"
#include "site/site.h"

namespace gemel::site {

inline constexpr std::string_view agent_unit = "gemeld.service";
inline constexpr std::string_view manager_unit = "gemel-manager.service";

/// A package file of ours that lies here and is carried to the hosts.
struct LocalPackage {
  std::string name;  // "gemel-agent"
  std::string version;
  std::filesystem::path file;
  bool operator==(const LocalPackage&) const = default;
};

enum class StepKind : std::uint8_t {
  install_packages,
  write_hosts,  // names of the site in /etc/hosts
  set_firewall,
  lay_files,
  start_agent,  // enable and start
  restart_agent,
  start_manager,
  restart_manager,
  check_agent,         // answers; with a store: a majority of its members answers
  check_database,      // is the primary, or a standby that holds every write
  check_manager,       // the balancers send it requests
  check_lone_manager,  // ready to serve, of a site without a balancer
  check_balancer,      // runs, and every manager behind it is up
};
std::string_view to_string(StepKind kind);

/// One step on one host. Idempotent: doing a done step again changes nothing. Holds no secret.
struct Step {
  std::string id;  // stable: "db1/files"; the same step of a later plan has the same id
  std::string host;
  StepKind kind = StepKind::check_agent;
  std::vector<std::string> changes;   // sentences or paths, for people
  std::vector<std::string> restarts;  // units
  std::vector<std::string> needs;     // ids of earlier steps of this plan
  std::string undo;                   // how a person takes it back; empty: nothing to take back, or no way

  std::vector<std::string> packages;         // install_packages: names of the distribution's packages
  std::vector<LocalPackage> local_packages;  // install_packages
  std::vector<ManifestFile> files;           // lay_files: those that differ, directories first
  std::string text;  // write_hosts: lines of the block; set_firewall: rules of nftables; lay_files: host.toml of a
                     // bridge (growth.h), laid last; empty: none
  FirewallKind firewall = FirewallKind::nftables;
  FirewalldChange firewalld;  // set_firewall with firewalld
};

struct Plan {
  std::vector<Step> steps;  // each after everything it needs; empty: nothing to do
  std::vector<Problem> problems;
};

struct PlanInput {
  Site site;
  Manifest manifest;
  SiteFacts facts;
  std::vector<LocalPackage> packages;  // may be empty when ours are installed already
  std::vector<Problem> findings;       // of what was looked at before any host was asked
  std::string leaving;  // a host that the site file has no more, and that is taken out of the running site
};

/// Total: never fails. A host that cannot be reached has a problem and no steps; nobody waits for its steps.
///
/// Order. What prepares a host waits for nobody. Agents that do not run: all voters, then the database that creates the
/// cluster, then the other databases, then the rest; managers one after the other after the databases; balancers are
/// checked last. What runs already is changed host by host, databases first and among them the primary last; each is
/// checked before the next is touched, and who was started within the last minute (by a run that was stopped, it may
/// be) before the first. A database host that must change does so before others are started beside it.
///
/// A voter that comes to a store that runs joins by itself, one after the other. A site that grows from one database
/// host (growth.h): voters, then the database is told all but its future standbys, then the managers and balancers;
/// when all of them come to the floating address, the database is told the rest, and the standbys are started.
///
/// A manager that comes to balancers that run must be ready by itself; they are told of it in their turn, and then send
/// it requests. When a host leaves, the packet filters are closed to it last: until then somebody may be on it.
Plan make_plan(const PlanInput& input);

/// The part of a plan that is one host's: its steps, each needing only those of its own, and its problems.
Plan plan_of_host(Plan plan, const std::string& host);

}  // namespace gemel::site
