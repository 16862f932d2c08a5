// Whether the history of one register can be put in one order that respects real time (linearizability, Herlihy and
// Wing 1990), by the search of Wing and Gong (1993) with Lowe's memory of visited states (2017). Pure.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "torture/history.h"

namespace gemel::torture {

struct RegisterOperation {
  enum class Kind : std::uint8_t { read, write, cas };
  static constexpr Time never = std::numeric_limits<Time>::max();

  Kind kind = Kind::read;
  std::int64_t value = 0;     // what was read, or is written
  std::int64_t expected = 0;  // of a compare-and-set
  bool is_swapped = true;     // of a compare-and-set: whether it found what it expected
  Time from = 0;
  Time to = 0;  // never: the outcome is unknown, so it happened some time after `from`, or not at all
  [[nodiscard]] bool is_open() const { return to == never; }
};

enum class Judgement : std::uint8_t { linearizable, violated, undecided };

/// Whether some order explains all operations, starting with `initial`. Open reads are of no account. Two operations
/// overlap when one begins no later than the other ends. Undecided after `max_states` states.
/// Cost: about one state per operation while few overlap; open operations double it at worst, each.
Judgement judge_register(std::vector<RegisterOperation> operations, std::int64_t initial = 0,
                         std::size_t max_states = 5'000'000);

}  // namespace gemel::torture
