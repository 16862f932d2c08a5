// A controller's input in the words of a person.
#pragma once

#include <string>

#include "core/state.h"

namespace gemel::replay {

/// One line. `before`: the state that takes the input, which knows what the ended action was.
std::string describe(const core::Input& input, const core::State& before);

}  // namespace gemel::replay
