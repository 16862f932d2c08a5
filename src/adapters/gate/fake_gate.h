// A gate without a kernel, for tests of what uses it: keeps time by the clock it is given.
#pragma once

#include <optional>

#include "adapters/gate/gate.h"

namespace gemel::adapters::gate {

/// Behaves as the kernel's gate for one host. `now` is asked on each call.
class FakeGate final : public Gate {
 public:
  explicit FakeGate(std::function<TimePoint()> now) : now_(std::move(now)) {}

  runtime::Task<Status> install(InstallMode mode) override;
  Status refresh(Duration remaining) override;
  Status drain(Duration remaining) override;
  Status shut() override { return refresh(Duration(0)); }
  [[nodiscard]] Result<bool> is_open() const override;
  void on_lost(std::function<void()> handler) override { lost_ = std::move(handler); }
  runtime::Task<Status> remove() override;

  /// As if somebody flushed the rule set.
  void lose();
  /// The next calls fail with this until it is cleared.
  void break_with(std::optional<Error> error) { broken_ = std::move(error); }
  [[nodiscard]] std::size_t refreshes() const { return refreshes_; }
  /// The last call that opened it was drain().
  [[nodiscard]] bool is_draining() const { return is_draining_; }

 private:
  std::function<TimePoint()> now_;
  std::function<void()> lost_;
  std::optional<TimePoint> open_until_;
  std::optional<Error> broken_;
  std::size_t refreshes_ = 0;
  bool is_installed_ = false;
  bool is_draining_ = false;
};

}  // namespace gemel::adapters::gate
