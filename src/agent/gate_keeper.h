// Keeps the gate within the permit: the kernel counts a time-out from when it hears it, the permit ends at a moment.
#pragma once

#include <functional>
#include <optional>

#include "adapters/gate/gate.h"

namespace gemel::agent {

/// Loop thread only. `gate` must outlive it and be changed by nobody else, so that it knows until when the gate may be
/// open. Nothing survives the process: an open gate ends by its own time-out.
class GateKeeper {
 public:
  using Gate = adapters::gate::Gate;

  struct Outcome {
    Status status;
    /// With an error: until then (the clock of `now`) the gate may be open although it should not be. Empty when it is
    /// open no longer than was asked for.
    std::optional<TimePoint> open_until = {};
  };

  /// `now`: the boot clock. `slack`: how much later than asked the gate may end; part of T_gate.
  GateKeeper(Gate& gate, std::function<TimePoint()> now, Duration slack)
      : gate_(gate), now_(std::move(now)), slack_(slack) {}

  /// Opens the gate until `until`, or shuts it when that is (almost) past. The clock is asked again after the call: a
  /// process that stood still between reading it and the kernel's hearing sets the rest anew, and a third call that
  /// comes late shuts. What remains: it stands still again between the kernel's hearing and the second look.
  /// Blocks for some milliseconds at most. Errors: those of Gate::refresh.
  Outcome refresh(TimePoint until) { return open(until, &Gate::refresh); }
  /// The same for those who have a session: new connections are refused.
  Outcome drain(TimePoint until) { return open(until, &Gate::drain); }
  /// Shuts the gate. Errors: those of Gate::shut.
  Outcome shut();

 private:
  Outcome open(TimePoint until, Status (Gate::*change)(Duration));
  Outcome failed(Error error, TimePoint wanted) const;

  Gate& gate_;
  std::function<TimePoint()> now_;
  Duration slack_;
  TimePoint latest_end_;  // the gate is shut by then at the latest, whatever becomes of this process
};

}  // namespace gemel::agent
