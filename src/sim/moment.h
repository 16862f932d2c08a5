// Moments: what just happened at a host, so that a fault can be tied to it instead of to a time.
#pragma once

#include <cstdint>
#include <string>

#include "core/action.h"
#include "sim/network.h"

namespace gemel::sim {

enum class MomentKind : std::uint8_t {
  swap_sent,     // a compare-and-swap left the host
  swap_applied,  // ... and etcd carried it out; its answer is still on the way
  begun,         // a PostgreSQL procedure
  ended,         // ... took effect, or its time was over
  opened,        // the gate
  quiesced,      // no heartbeat is confirmed any more
};

struct Moment {
  MomentKind kind{};
  std::uint8_t what = 0;  // of swaps the purpose, of procedures the index of the action; else 0
  bool operator==(const Moment&) const = default;
};

constexpr Moment sent(core::SwapPurpose purpose) { return {MomentKind::swap_sent, static_cast<std::uint8_t>(purpose)}; }
constexpr Moment applied(core::SwapPurpose purpose) {
  return {MomentKind::swap_applied, static_cast<std::uint8_t>(purpose)};
}
inline Moment begun(const core::ActionKind& kind) {
  return {MomentKind::begun, static_cast<std::uint8_t>(kind.index())};
}
inline Moment ended(const core::ActionKind& kind) {
  return {MomentKind::ended, static_cast<std::uint8_t>(kind.index())};
}
/// For people.
std::string describe(Moment moment);

}  // namespace gemel::sim
