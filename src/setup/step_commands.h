// What carrying out one step means on its host: a list of commands, made without looking at anything. Pure but for the
// sizes of the files that are sent.
#pragma once

#include <vector>

#include "base/error.h"
#include "setup/remote.h"
#include "site/plan.h"

namespace gemel::setup {

/// The commands in their order; each must give exit code 0 before the next is run. Each is idempotent, and none has a
/// secret among its arguments. A check has one command, whose output check_answer.h judges. `not_found`/`unavailable`
/// when a file to be sent is not there.
Result<std::vector<RemoteCommand>> commands_of(const site::Step& step, const std::string& site_name);

/// True for steps that wait for something and change nothing.
bool is_check(site::StepKind kind);

}  // namespace gemel::setup
