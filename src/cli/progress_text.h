// How far a plan is carried out, as a line for people. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "setup/plan_run.h"

namespace gemel::cli {

/// One line per event, the same on a terminal and in a file: nothing is drawn over. Empty for the beginning of a step
/// that takes no time worth a word. `name_width`: of the longest host name.
std::string progress_line(const setup::Progress& progress, std::size_t name_width, bool use_colour);

}  // namespace gemel::cli
