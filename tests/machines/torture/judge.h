// The commands check and endstate: gather, judge, report.
#pragma once

#include "torture/options.h"

namespace gemel::torture {

/// Judges the run in the folder; report on stdout and in verdict.json, table on stderr. Returns the exit code. Blocks.
int check(const Options& options);
/// The end state alone, in the same form.
int endstate(const Options& options);

}  // namespace gemel::torture
