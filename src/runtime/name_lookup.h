// The addresses of a host by its name, without blocking the loop.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "runtime/task_scope.h"

namespace gemel::runtime {

/// IP literals in the order in which the system would try them; a literal gives itself, and asks nobody. `unavailable`
/// when the name is not known, or not within `limit`. Suspends; a question that nobody waits for any more goes on in a
/// thread of its own until the name service gives up.
Task<Result<std::vector<std::string>>> look_up_addresses(std::string name, Duration limit);

}  // namespace gemel::runtime
