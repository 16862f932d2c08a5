// What the hosts of a site say of it, asked over the setup's connections: for verbs that run where no agent is.
#pragma once

#include <string>

#include "api/site_status.h"
#include "cli/setup_session.h"

namespace gemel::cli {

/// What any host but `without` (empty: any) says of the site; the first that answers is asked. Suspends.
runtime::Task<Result<api::SiteStatus>> ask_site(SetupSession* session, std::string without);

/// Asks once a second until the site is healthy. What it lacks, as a sentence, when it is not by then; empty when it
/// is. Suspends.
runtime::Task<std::string> wait_until_healthy(SetupSession* session, std::chrono::seconds limit);

}  // namespace gemel::cli
