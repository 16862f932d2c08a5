// Replays a stretch of recorded inputs through the controller and compares what it decides with what was recorded.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "replay/recording.h"

namespace gemel::replay {

/// One step of the replay. References are valid during the call only.
struct ReplayedStep {
  const Step& step;
  std::string input;  // in words
  const core::Output& output;
  const core::State& after;
  std::string_view rule;   // the one that decided
  bool is_change = false;  // another rule or record than before, an action with an end but a read, a note or an answer
  std::string difference;  // from what was recorded, for a person; empty: none, or nothing was recorded
};

/// Calls `visit` for every step, in order. Returns the number of steps that differ.
std::size_t replay(const Stretch& stretch, const std::function<void(const ReplayedStep&)>& visit);

}  // namespace gemel::replay
