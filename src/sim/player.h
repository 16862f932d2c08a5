// Plays a list of faults in a world: each at its time, or at the moment it is tied to; and its end.
#pragma once

#include <cstddef>
#include <vector>

#include "sim/fault.h"
#include "sim/world.h"

namespace gemel::sim {

/// Must live as long as its world runs: jobs on the world's agenda refer to it.
class Player {
 public:
  Player(World& world, std::vector<Fault> faults) : world_(world), faults_(std::move(faults)) {}
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  /// Until some time after the last fault began; what still lasts then is left as it is, what waits for its moment is
  /// forgotten. Stops early at a violation.
  void play();

 private:
  void arrive(std::size_t index);
  void begin(std::size_t index);
  void happens(Moment moment, Place place);

  World& world_;
  std::vector<Fault> faults_;
  std::vector<std::size_t> armed_;
  bool is_over_ = false;
};

}  // namespace gemel::sim
