// Facts of a host in one round trip: a constant script, its arguments, and the reading of what it prints.
#pragma once

#include <chrono>
#include <string>

#include "base/error.h"
#include "setup/remote.h"
#include "site/plan.h"

namespace gemel::setup {

/// The command that prints everything a plan needs to know of `host`. Changes nothing.
RemoteCommand facts_command(const site::Site& site, const site::Manifest& manifest, const site::Host& host);

/// When the host was asked and when its answer was here, by this host's wall clock since 1970; 0: not known.
struct Exchange {
  std::chrono::milliseconds asked{0};
  std::chrono::milliseconds answered{0};
};

/// What the script printed, as facts of a reachable host. Lines that are no facts (warnings of programs) are passed
/// over. `corrupt`: the last line is missing, so the output is not complete. Pure.
Result<site::HostFacts> parse_facts(const std::string& output, Exchange times = {});

/// Asks every host of the site at once. Never fails: a host that could not be asked is not reachable. Suspends.
runtime::Task<site::SiteFacts> gather_facts(Remote* remote, site::Site site, site::Manifest manifest);

}  // namespace gemel::setup
