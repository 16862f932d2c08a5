// Carrying a plan out with a line per event, for the verbs that change hosts.
#pragma once

#include "cli/setup_session.h"
#include "setup/plan_run.h"

namespace gemel::cli {

/// Carries `plan` out and shows how far each host is; `heading` and the log's path are shown first, `stopped` after a
/// failed step. `failed`, `timed_out`, `unreachable` after a step failed. Suspends; `session` and `plan` outlive it.
runtime::Task<ExitCode> carry_out(SetupSession* session, const site::Plan* plan, bool use_colour,
                                  setup::CheckTimes times = {}, std::string heading = std::string(configuring_message),
                                  std::string stopped = "; the same command goes on from here");

}  // namespace gemel::cli
