// A loop for verbs that talk to hosts without a configuration of their own.
#pragma once

#include "cli/exit_code.h"
#include "runtime/task_scope.h"

namespace gemel::cli {

/// Runs `task` on a loop of its own until it has ended.
ExitCode run_loop(runtime::Task<ExitCode> task);

}  // namespace gemel::cli
