// Which switchover an operator's wish means, or why it is refused. Pure.
#pragma once

#include <string>

#include "api/site_status.h"
#include "cli/exit_code.h"

namespace gemel::cli {

struct SwitchoverPlan {
  std::string from;  // the primary now
  std::string to;    // the primary to be
};
struct SwitchoverRefusal {
  ExitCode code = ExitCode::refused;
  std::string reason;
};

/// `to` empty: the only other member that could take over now. Refused when nobody serves, the target is no database
/// host (`not_found`), is the primary already, does not hold every acknowledged write, or its agent does not answer.
/// The agents check again; this is for an answer before anything is asked of them.
std::expected<SwitchoverPlan, SwitchoverRefusal> plan_switchover(const api::SiteStatus& site, const std::string& to);

}  // namespace gemel::cli
