// What the command line's exit status says.
#pragma once

#include "base/error.h"

namespace gemel::cli {

enum class ExitCode : int {
  done = 0,
  failed = 1,
  usage = 2,
  refused = 3,  // by a precondition; nothing was changed
  not_found = 4,
  timed_out = 5,
  unreachable = 6,
  denied = 7,
};

/// The exit code that fits an error.
ExitCode exit_code_of(const Error& error);

}  // namespace gemel::cli
