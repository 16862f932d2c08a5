// The brain of a database host: one entry, a batch out. Pure: no clock, no I/O; time is an argument, actions in flight
// are state, so the simulator runs the same class.
#pragma once

#include <cstdint>

#include "core/state.h"

namespace gemel::core {

/// Copyable value. Not thread-safe. Pre: check_config(self, config) is empty.
class Controller {
 public:
  Controller(NodeId self, Config checked, std::uint64_t seed) : state_(std::move(self), std::move(checked), seed) {}

  /// Goes on from a state that was kept (a replay).
  explicit Controller(State kept) : state_(std::move(kept)) {}

  /// Takes one input and says what to do next. Total: never throws, never blocks, never reads a clock.
  Output step(const Input& input);
  [[nodiscard]] const State& state() const { return state_; }

 private:
  State state_;
};

}  // namespace gemel::core
