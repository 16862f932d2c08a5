// How an event changes the state, before any rule decides. No decision is made here.
#pragma once

#include "core/state.h"

namespace gemel::core {

void apply(State& state, const Event& event, Output& output);

/// Records that a compare-and-swap took effect at `revision` (own answer, or own token found).
void swap_succeeded(State& state, const action::SwapRecord& swap, Revision revision);
/// Records that a compare-and-swap certainly had and will have no effect.
void swap_failed(State& state, const action::SwapRecord& swap);
/// Takes over what a linearizable answer showed, unless it is older than what is known.
void adopt(State& state, const StoreView& view);

}  // namespace gemel::core
