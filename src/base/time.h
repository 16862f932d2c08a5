// Time as the core sees it: a point on one host's boot clock (CLOCK_BOOTTIME), never wall time. Points of two hosts
// cannot be compared.
#pragma once

#include <chrono>
#include <compare>

namespace gemel {

using Duration = std::chrono::nanoseconds;

struct TimePoint {
  Duration since_boot{0};
  auto operator<=>(const TimePoint&) const = default;
  friend TimePoint operator+(TimePoint point, Duration step) { return {point.since_boot + step}; }
  friend TimePoint operator-(TimePoint point, Duration step) { return {point.since_boot - step}; }
  friend Duration operator-(TimePoint later, TimePoint earlier) { return later.since_boot - earlier.since_boot; }
};

}  // namespace gemel
