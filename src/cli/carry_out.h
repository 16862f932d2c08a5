// What the verbs that change hosts share: carrying a plan out with a line per event, and what a plan's problems mean
// for the exit code.
#pragma once

#include "cli/setup_session.h"
#include "setup/plan_run.h"

namespace gemel::cli {

/// `unreachable` when a host that cannot be reached stands in the way, `refused` for anything else that does, else
/// `done`.
ExitCode code_of(const site::Plan& plan);

/// Carries `plan` out and shows how far each host is; the log's path is shown first. `failed`, `timed_out`,
/// `unreachable` after a step failed. Suspends; `session` and `plan` outlive it.
runtime::Task<ExitCode> carry_out(SetupSession* session, const site::Plan* plan, bool use_colour,
                                  setup::CheckTimes times = {});

}  // namespace gemel::cli
