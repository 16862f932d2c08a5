// Named sets of timers that a site file can choose with [timers] profile = "...". The arithmetic:
// docs/handbook/timers.md.
#pragma once

#include <array>
#include <string_view>

#include "core/timers.h"

namespace gemel::site {

struct TimerProfile {
  std::string_view name;
  core::Timers timers;
};

/// For one quiet LAN: heartbeats every 20 ms, suspicion and lease in proportion. The gate's lateness is the kernel's
/// and the slack the scheduler's: neither shrinks. Grace by the same sum as standard's: lease x 1.2 + gate 20 +
/// slack 30. What waits for PostgreSQL or for a disk (kill, sick, stop, promote, stable) stays.
constexpr core::Timers fast_timers() {
  using std::chrono::milliseconds;
  core::Timers timers;
  timers.hb = milliseconds(20);
  timers.suspect = milliseconds(160);
  timers.lease = milliseconds(200);
  timers.grace = milliseconds(290);
  timers.etcd = milliseconds(120);
  return timers;
}

inline constexpr std::array<TimerProfile, 2> timer_profiles{{{"standard", {}}, {"fast", fast_timers()}}};

}  // namespace gemel::site
