// What people do to a site beside its agents, amid the faults of a trial.
#pragma once

#include <cstdint>

#include "sim/trial.h"

namespace gemel::sim {

/// Gives half of the plans people; the seed's other draws stay as they are. Deterministic.
void add_people(Plan& plan, std::uint64_t seed);

}  // namespace gemel::sim
