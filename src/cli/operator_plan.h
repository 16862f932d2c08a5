// Whom to ask for a pause, its end, or a take-over by force, or why nobody is asked. Pure.
#pragma once

#include <expected>
#include <string>

#include "api/site_status.h"
#include "cli/exit_code.h"

namespace gemel::cli {

struct Refusal {
  ExitCode code = ExitCode::refused;
  std::string reason;
};
using HostOrRefusal = std::expected<std::string, Refusal>;

/// `host`: ask this one; empty: the primary. Refused when nobody serves, `host` is no database host, or nobody answers.
HostOrRefusal plan_pause(const api::SiteStatus& site, const std::string& host);
/// `host`: ask this one; empty: the holder of the record, which need not serve. Refused when the site is not paused.
HostOrRefusal plan_resume(const api::SiteStatus& site, const std::string& host);
/// `host`: the one that shall take over; empty: `self`, where the command was typed. Refused while anybody serves.
HostOrRefusal plan_force(const api::SiteStatus& site, const std::string& host, const std::string& self);

/// What must be typed, letter by letter, before `host` takes over by force.
std::string force_phrase(const std::string& host);

}  // namespace gemel::cli
