// What an operator asks: allowed or refused, with the reason. What was allowed is remembered; the rules carry it out.
#pragma once

#include "core/state.h"

namespace gemel::core {

/// Each appends exactly one answer. The reasons are ids; event.h lists them.
void ask_switchover(State& state, const event::SwitchoverAsked& asked, Output& output);
void ask_pause(State& state, const event::PauseAsked& asked, Output& output);
void ask_resume(State& state, const event::ResumeAsked& asked, Output& output);
void ask_force(State& state, const event::ForceAsked& asked, Output& output);

}  // namespace gemel::core
