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
  std::uint32_t min_copies = 1;  // 1: stay writable alone. Nothing else yet.
};

/// Every mistake as a sentence; empty when the configuration is sound for `self`.
std::vector<std::string> check_config(const NodeId& self, const Config& config);

}  // namespace gemel::core
