// Makes a drawn trial harsher: faults as long as the protocol's timers, and snares: faults tied to the moments at which
// a rule decides.
#pragma once

#include <cstdint>

#include "sim/trial.h"

namespace gemel::sim {

/// Deterministic by `seed`. The faults that were there keep their order.
void harden(Plan& plan, std::uint64_t seed);

}  // namespace gemel::sim
