// The part of starting a child that runs between fork and exec. Internal to runtime/child_process.
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "runtime/child_process.h"

namespace gemel::runtime {

struct ChildStreams {
  int output = -1;  // becomes stdout and stderr; -1: inherited, or the file of the spec
};

/// Forks and executes; returns when exec succeeded. The child is in a session of its own, with all signals at their
/// defaults and no descriptor of ours but 0, 1, 2. Blocks until exec (well under a millisecond).
Result<pid_t> start_child(const ChildSpec& spec, ChildStreams streams);

}  // namespace gemel::runtime
