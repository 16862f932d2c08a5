// Whether the timers of a running site may change host by host. Private to this folder.
#pragma once

#include <vector>

#include "site/plan.h"

namespace gemel::site {

/// While hosts are changed one after the other, one of them serves by the former timers and another may take over by
/// the next ones, or the other way round. A problem for each running database host for which that could let two serve;
/// none in a site that has one database host, or grows from one. Pure.
std::vector<Problem> problems_of_timers(const PlanInput& input);

}  // namespace gemel::site
