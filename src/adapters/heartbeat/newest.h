// Newest<T>: hands the newest value from one thread to another without a lock and without waiting. Older values that
// were not read are lost, on purpose.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

namespace gemel::adapters::heartbeat {

/// One writer thread, one reader thread. Three slots: one the writer's, one the reader's, one between them that both
/// exchange atomically with their own.
template <typename T>
class Newest {
 public:
  void write(const T& value) {
    slots_[back_] = value;
    back_ = between_.exchange(static_cast<std::uint8_t>(back_ | fresh), std::memory_order_acq_rel) & index;
  }
  /// The newest value since the last read, if there is one.
  std::optional<T> read() {
    if ((between_.load(std::memory_order_acquire) & fresh) == 0) return std::nullopt;
    front_ = between_.exchange(front_, std::memory_order_acq_rel) & index;
    return slots_[front_];
  }

 private:
  static constexpr std::uint8_t fresh = 4, index = 3;
  std::array<T, 3> slots_{};
  std::uint8_t back_ = 0;   // writer's
  std::uint8_t front_ = 1;  // reader's
  std::atomic<std::uint8_t> between_{2};
};

}  // namespace gemel::adapters::heartbeat
