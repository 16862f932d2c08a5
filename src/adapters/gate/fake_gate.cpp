// FakeGate: the same promises as the kernel's gate, in a few lines.
#include "adapters/gate/fake_gate.h"

namespace gemel::adapters::gate {

runtime::Task<Status> FakeGate::install(InstallMode mode) {
  if (broken_) co_return std::unexpected(*broken_);
  is_installed_ = true;
  if (mode == InstallMode::shut) open_until_.reset();
  co_return Status{};
}

Status FakeGate::refresh(Duration remaining) {
  if (broken_) return std::unexpected(*broken_);
  if (!is_installed_) return fail(ErrorCode::not_found, "the gate is not installed");
  ++refreshes_;
  is_draining_ = false;
  if (remaining <= shortest_life) {
    open_until_.reset();
  } else {
    open_until_ = now_() + std::chrono::duration_cast<std::chrono::milliseconds>(remaining);
  }
  return {};
}

Status FakeGate::drain(Duration remaining) {
  auto opened = refresh(remaining);
  is_draining_ = opened && open_until_;
  return opened;
}

Result<bool> FakeGate::is_open() const {
  if (broken_) return std::unexpected(*broken_);
  if (!is_installed_) return fail(ErrorCode::not_found, "the gate is not installed");
  return open_until_ && now_() < *open_until_;
}

runtime::Task<Status> FakeGate::remove() {
  is_installed_ = false;
  open_until_.reset();
  co_return Status{};
}

void FakeGate::lose() {
  if (auto handler = lost_) handler();
}

}  // namespace gemel::adapters::gate
