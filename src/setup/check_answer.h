// Whether what the agents say of the site is what a step of the plan waits for. Pure.
#pragma once

#include <string>

#include "api/site_status.h"
#include "site/plan.h"

namespace gemel::setup {

/// What is still missing for the check of `host`, as a sentence; empty when it is passed. Pre: `kind` is a check.
std::string missing_for(site::StepKind kind, const std::string& host, const api::SiteStatus& status);

/// The same from what `gemel status -o json` printed there; anything else is a sentence too.
std::string missing_for(site::StepKind kind, const std::string& host, const std::string& output);

}  // namespace gemel::setup
