// The first half of planning: what differs on one host, and what that means for what runs there. Pure; internal to
// plan.cpp, which puts the work of all hosts in order.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "site/growth.h"
#include "site/plan.h"

namespace gemel::site {

/// Which programs read a file at their start; on this host.
struct Readers {
  bool agent = false;
  bool manager = false;
};
Readers readers_of(std::string_view path, const Concepts& concepts);

/// The distribution's packages a host needs, and ours.
std::vector<std::string> system_packages(const Concepts& concepts);
std::vector<std::string> own_packages(const Concepts& concepts);

struct HostWork {
  const Host* host = nullptr;
  const HostFacts* facts = nullptr;
  std::vector<Step> prepare;       // packages, hosts, firewall, files: in this order; without needs
  bool is_agent_up = false;        // runs
  bool is_manager_up = false;      // likewise
  bool must_enable_agent = false;  // runs, but would not after a boot
  bool must_enable_manager = false;
  bool must_restart_agent = false;
  bool must_restart_manager = false;
  bool is_agent_new = false;  // started within the last minute: the run that did it may not have checked it
  bool is_manager_new = false;
  std::optional<Step> bridge;  // of the database host of a site that grows: its files on the way, if any is to be laid
  bool must_restart_bridge = false;  // ... and whether the agent has not read them yet
};

/// Whether a program that runs will be started anew.
bool is_interrupted(const HostWork& work);

/// Pre: `host` is one of the site's and reachable; `growth` is growth_of(input).
HostWork work_of(const PlanInput& input, const Host& host, const std::optional<Growth>& growth);

/// Whether the host is able to do its part: clock, memory, disk, addresses, packages, what is there already. Each text
/// says what is wrong, why it matters and how to mend it. `may_answer`: who answers at the floating address may be the
/// site's own primary.
std::vector<Problem> preflight(const Site& site, const Host& host, const HostFacts& facts, bool may_answer);

/// What stands in the way on all hosts, in the site's order.
std::vector<Problem> problems_of(const PlanInput& input);

}  // namespace gemel::site
