// The planted bugs of the models themselves: each shows that one checker can fail.
#pragma once

#include <vector>

#include "sim/mutation.h"

namespace gemel::sim {

/// In a fixed order; names are unique. Lives as long as the program.
const std::vector<Mutation>& world_mutants();

}  // namespace gemel::sim
