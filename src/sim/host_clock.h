// The boot clock of one simulated host: it runs at a rate of its own, begins at a time of its own, and may stand still
// while the host is suspended.
#pragma once

#include "base/time.h"

namespace gemel::sim {

class HostClock {
 public:
  HostClock() = default;
  /// `rate`: own seconds per true second.
  HostClock(double rate, TimePoint true_now, TimePoint own_now)
      : rate_(rate), true_base_(true_now), own_base_(own_now) {}

  [[nodiscard]] TimePoint own(TimePoint true_now) const {
    if (is_stopped_) return own_base_;
    return own_base_ + scaled(true_now - true_base_, rate_);
  }
  /// When the clock will show `own`, if nothing stops it.
  [[nodiscard]] TimePoint true_time(TimePoint own) const { return true_base_ + scaled(own - own_base_, 1 / rate_); }
  [[nodiscard]] Duration true_span(Duration own) const { return scaled(own, 1 / rate_); }

  void stop(TimePoint true_now) {
    own_base_ = own(true_now);
    is_stopped_ = true;
  }
  void go_on(TimePoint true_now) {
    if (!is_stopped_) return;
    true_base_ = true_now;
    is_stopped_ = false;
  }

 private:
  static Duration scaled(Duration span, double factor) {
    return Duration{static_cast<Duration::rep>(static_cast<double>(span.count()) * factor)};
  }
  double rate_ = 1.0;
  TimePoint true_base_;
  TimePoint own_base_;
  bool is_stopped_ = false;
};

}  // namespace gemel::sim
