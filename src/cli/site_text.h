// What `gemel status` and `gemel topology` print. Pure functions of the site's status, so that tests compare whole
// texts.
#pragma once

#include <string>
#include <vector>

#include "api/site_status.h"

namespace gemel::cli {

enum class TableWidth { normal, wide };

/// The table of hosts, the sentence about failover, and the problems.
std::string status_text(const api::SiteStatus& site, TableWidth width, bool use_colour);
/// Balancer → managers → primary → standbys as a tree.
std::string topology_text(const api::SiteStatus& site, bool use_colour);
/// One line per event, oldest first.
std::string events_text(const std::vector<api::Event>& events, bool use_colour);
/// "72 B", "1.5 MiB".
std::string bytes_text(std::int64_t bytes);
/// "1 h 2 min", "12 s".
std::string duration_text(std::int64_t seconds);

}  // namespace gemel::cli
