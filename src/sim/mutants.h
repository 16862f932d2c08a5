// The planted bugs of the controllers: each rule of the protocol weakened in turn. See mutation.h for how one is
// written.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/mutation.h"

namespace gemel::sim {

/// In a fixed order; names are unique. Lives as long as the program.
const std::vector<Mutation>& mutants();
/// Within so many seeds, from the first on, it must be found.
std::uint64_t seeds_for(const Mutation& mutation);

}  // namespace gemel::sim
