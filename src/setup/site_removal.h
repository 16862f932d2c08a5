// Takes a site down for good: stops it on every host and moves what it had aside. Deletes no data.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "setup/remote.h"
#include "site/site.h"

namespace gemel::setup {

struct RemovalInput {
  const site::Site* site = nullptr;
  std::string site_id;  // a host of another site is not touched
  std::string stamp;    // part of the directory's name where things are kept: "20261231T120000Z"
};

/// One host after the other: databases first (what they hand over goes to the next), then the rest. On each: units
/// stopped and disabled, packet filter tables, rules given to firewalld and the block in /etc/hosts removed, /etc/gemel
/// and /var/lib/gemel moved to /var/lib/gemel-kept/<stamp>, readable by root only. Packages stay. A host on which
/// nothing is left is passed over, so that doing it again goes on. Every host is asked first: `unavailable` (and
/// nothing done) when one cannot be reached, `refused` when one belongs to another site. Later errors leave that host
/// half done. `on_host` gets a line for each. Suspends. Loop thread.
runtime::Task<Status> remove_site(Remote* remote, RemovalInput input, std::function<void(const std::string&)> on_host);

/// What a host has of a site.
enum class Remains : std::uint8_t { nothing, ours, other_sites };
/// Asks the host. Errors of Remote::run(); `corrupt` for an answer that is none. Suspends.
runtime::Task<Result<Remains>> remains_on(Remote* remote, std::string host, std::string site_id);

/// One host of it, in the same way. Done again it goes on. Suspends; `input.site` outlives it.
runtime::Task<Status> remove_from(Remote* remote, RemovalInput input, site::Host host);

/// The hosts in the order in which they are taken down. Pure.
std::vector<const site::Host*> removal_order(const site::Site& site);

/// Where a run with this stamp keeps things on each host.
std::string kept_directory(const std::string& stamp);

}  // namespace gemel::setup
