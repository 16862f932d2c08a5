// Carrying a plan out with a line per event, for the verbs that change hosts.
#pragma once

#include "cli/setup_session.h"
#include "setup/plan_run.h"

namespace gemel::cli {

/// Carries `plan` out and shows how far each host is; the log's path is shown first. `failed`, `timed_out`,
/// `unreachable` after a step failed. Suspends; `session` and `plan` outlive it.
runtime::Task<ExitCode> carry_out(SetupSession* session, const site::Plan* plan, bool use_colour,
                                  setup::CheckTimes times = {});

}  // namespace gemel::cli
