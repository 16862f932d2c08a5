// What the lists of mutants have in common.
#pragma once

#include <vector>

#include "core/policy.h"
#include "core/rules.h"
#include "sim/mutation.h"

namespace gemel::sim {

using Table = std::vector<core::Rule>;

/// Before every decision: what a controller remembers is changed.
inline Table believing(void (*patch)(core::State&, core::Decision&),
                       Table table = {core::policy_table().begin(), core::policy_table().end()}) {
  table.insert(table.begin(), core::Rule{"mutant", "mutant", "always", "forgets or invents facts", true,
                                         [](const core::State&) { return true; }, patch});
  return table;
}

/// Planted bugs that show where people are at work beside the agents; part of mutants().
std::vector<Mutation> people_mutants();

}  // namespace gemel::sim
