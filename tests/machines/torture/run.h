// The run: one thread per client, the driver's words on stdin, signals.
#pragma once

#include "torture/options.h"

namespace gemel::torture {

/// Works until the time is over or it is told to stop. Prints the summary on stdout and progress on stderr. Returns the
/// exit code. Call once, from the main thread; blocks SIGINT and SIGTERM.
int run(const Options& options);

}  // namespace gemel::torture
