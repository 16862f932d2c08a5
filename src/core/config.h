// What a controller is told once, at its start. Checked before (check_config); immutable afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "core/timers.h"

namespace gemel::core {

struct Config {
  NodeSet databases;       // all database hosts of the site, self among them
  NodeId bootstrapper;     // the one that may create the very first database (MGMTPOSTGRES_MASTER)
  std::string cluster_id;  // the site's id
  Timers timers;
  // 1: stay writable alone. 2 or more: the gate stays shut and local writers wait while S has fewer members; at most
  // 1 + sync_standbys and the number of database hosts.
  std::uint32_t min_copies = 1;
  // k: S holds at most 1 + k members, a commit waits for all of them; further standbys follow without being waited for.
  // At least 1, at most the number of other database hosts (1 with a single host).
  std::uint32_t sync_standbys = 1;
};

/// Every mistake as a sentence; empty when the configuration is sound for `self`.
std::vector<std::string> check_config(const NodeId& self, const Config& config);

}  // namespace gemel::core
