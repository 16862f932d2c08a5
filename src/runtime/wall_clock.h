// The wall clock as a number, for comparing it with another host's. Nothing is ever measured or decided by it alone.
#pragma once

#include <chrono>

namespace gemel::runtime {

/// Since 1970, UTC.
std::chrono::milliseconds wall_clock();

}  // namespace gemel::runtime
