// The protocol's timers and the one inequality they must satisfy. Values and reasons: the protocol's table of timers.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/time.h"

namespace gemel::core {

/// Every field is a duration in host.toml and the site file under the same name with `_ms`.
struct Timers {
  Duration hb = std::chrono::milliseconds(50);        // a heartbeat per link every so often
  Duration suspect = std::chrono::milliseconds(400);  // holder starts to remove a silent member; below lease
  Duration lease = std::chrono::milliseconds(500);  // permit of the holder after the send time of a confirmed heartbeat
  Duration grace = std::chrono::milliseconds(650);  // a member may bid so long after its last confirmation
  Duration gate = std::chrono::milliseconds(
      20);  // how late the kernel may shut the gate (measured: at most 17 ms early, never late)
  Duration etcd = std::chrono::milliseconds(300);      // per attempt, all endpoints raced
  Duration kill = std::chrono::milliseconds(2000);     // gate shut for so long: kill PostgreSQL
  Duration sick = std::chrono::milliseconds(3000);     // write probe unanswered for so long: resign
  Duration stop = std::chrono::milliseconds(2000);     // fast stop of a switchover; then immediate
  Duration promote = std::chrono::milliseconds(5000);  // taker not open after so long: resign
  Duration stable = std::chrono::milliseconds(2000);   // a standby streams so long before it is added again
  double clock_rate_error = 0.10;                      // ρ: clocks run at most so much too fast or too slow
};

/// What is wrong with the timers, a sentence each with the figures and how to mend it; empty when they are sound.
/// Checks grace·(1−ρ) > lease·(1+ρ) + gate, suspect < lease, hb·4 <= suspect, all positive, 0 <= ρ < 0.5.
std::vector<std::string> check_timers(const Timers& timers);

}  // namespace gemel::core
