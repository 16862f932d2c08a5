// Seeded pseudo-random numbers for jitter and tokens of tests. Deterministic for a seed on every platform; not for
// secrets (those come from libsodium).
#pragma once

#include <cstdint>

namespace gemel {

/// SplitMix64 (Steele, Lea, Flood 2014). Copyable value.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// Uniform in [0, bound); bound > 0. The bias of the modulo is below bound / 2^64.
  std::uint64_t below(std::uint64_t bound);
  /// Random(state()) goes on where this one stands.
  [[nodiscard]] std::uint64_t state() const { return state_; }

 private:
  std::uint64_t state_;
};

}  // namespace gemel
