// The brain of a database host: one entry, a batch out. Pure: no clock, no I/O; time is an argument, actions in flight
// are state, so the simulator runs the same class.
#pragma once

#include <cstdint>
#include <span>

#include "core/policy.h"
#include "core/state.h"

namespace gemel::core {

/// Copyable value. Not thread-safe. Pre: check_config(self, config) is empty. `policy` must outlive the controller and
/// end with a rule that always matches; anything but policy_table() is for tests that weaken a rule on purpose.
class Controller {
 public:
  Controller(NodeId self, Config checked, std::uint64_t seed, std::span<const Rule> policy = policy_table())
      : state_(std::move(self), std::move(checked), seed), policy_(policy) {}

  /// Goes on from a state that was kept (a replay).
  explicit Controller(State kept, std::span<const Rule> policy = policy_table())
      : state_(std::move(kept)), policy_(policy) {}

  /// Takes one input and says what to do next. Total: never throws, never blocks, never reads a clock.
  Output step(const Input& input);
  [[nodiscard]] const State& state() const { return state_; }

 private:
  State state_;
  std::span<const Rule> policy_;
};

}  // namespace gemel::core
