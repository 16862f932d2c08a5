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
  check_agent,     // answers; with a store: a majority of its members answers
  check_database,  // is the primary, or a standby that holds every write
  check_manager,   // the balancers send it requests
  check_balancer,  // runs, and every manager behind it is up
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
  std::string text;                          // write_hosts: lines of the block; set_firewall: rules of nftables
  FirewallKind firewall = FirewallKind::nftables;
  FirewalldChange firewalld;  // set_firewall with firewalld
};

enum class ProblemCode : std::uint8_t {
  unreachable,
  unsupported_system,
  other_site,      // the host belongs to another site
  foreign_server,  // a server that is not ours runs where ours shall
  port_taken,
  no_package,         // a package of ours is neither installed nor given
  other_name,         // warning: the system calls itself otherwise
  dropping_table,     // warning: packets may be dropped by a table of the host's owner
  name_not_resolved,  // warning: the site's DNS name
  data_directory,     // a cluster is there, of no site that is known
  clock_off,          // blocking when far off
  little_memory,      // blocking when far too little
  little_disk,        // likewise
  other_address,      // the host has not the address that the site file gives it
  no_interface,       // ... or it is on another interface, where the floating address could not be
  floating_taken,     // somebody answers at the floating address already
  path_closed,        // packets to a port of another host are dropped on the way
  no_source,          // a package of the distribution is neither installed nor to be had
  old_postgres        // warning
};
std::string_view to_string(ProblemCode code);

/// What a person should know before anything is done; a blocking one must be dealt with first.
struct Problem {
  ProblemCode code = ProblemCode::unreachable;
  std::string host;
  std::string text;
  bool is_blocking = true;
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
};

/// Total: never fails. A host that cannot be reached has a problem and no steps; nobody waits for its steps.
///
/// Order. What prepares a host waits for nobody. Agents that do not run: all voters, then the database that creates the
/// cluster, then the other databases, then the rest; managers one after the other after the databases; balancers are
/// checked last. What runs already is changed host by host, databases first and among them the primary last; each is
/// checked before the next is touched.
Plan make_plan(const PlanInput& input);

}  // namespace gemel::site
