// From a standalone site that runs to a highly available one in place: how it is recognised, what its only database
// host is told on the way, and what would keep it from going well (ADR 0026). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "site/plan.h"

namespace gemel::site {

/// A site file with several database hosts, of which one serves alone as yet.
struct Growth {
  const Host* database = nullptr;  // the one that serves; one of the plan's site
  std::string bridge;  // its host.toml until nobody needs its own address any more: everything as the site file says,
                       // but no other database host
};

/// Nothing when no database host runs, when more than one does, or when the one that does knows of others.
std::optional<Growth> growth_of(const PlanInput& input);

/// What is missing in the site file for it to be the running site, grown. All block.
std::vector<Problem> problems_of_growth(const PlanInput& input, const Growth& growth);

/// Whether users may still come to this manager of a site that has balancers: its own name service leads them here. So
/// it was until now, or the site grows just now; what was closed is never opened.
bool is_entered_directly(const PlanInput& input, const Host& host);

}  // namespace gemel::site
