// A recording of inputs, taken apart into stretches that can be replayed. Pure: text in, values out.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "replay/input_codec.h"

namespace gemel::replay {

/// Inputs without a gap, from the start of an agent or from a kept state.
struct Stretch {
  Stamp stamp;
  core::State start;
  bool is_from_beginning = false;  // of the agent's run
  std::vector<Step> steps;
  std::string end;  // why it ends, for a person
};

struct Recording {
  std::vector<Stretch> stretches;      // by time; none is empty
  std::size_t unreplayable_steps = 0;  // inputs before the first beginning or kept state, or after a gap
};

/// Reads the lines that encode_begin, encode_step and encode_snapshot write. A line that cannot be read (cut by a power
/// loss, lost with a stalled disk) ends the stretch; the next beginning or kept state starts another. `invalid`, with
/// the line and the reason, when nothing in the text can be replayed.
Result<Recording> parse_recording(const std::string& text);

}  // namespace gemel::replay
