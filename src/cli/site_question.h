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

/// Asks the others once a second until `host` does all its parts. What is missing, as a sentence, when it does not by
/// then; empty when it does. Suspends.
runtime::Task<std::string> wait_until_whole(SetupSession* session, site::Host host, std::chrono::seconds limit);

/// So long a host may take until it does: that of a database host is the copy, the others are there within seconds.
std::chrono::seconds limit_of(const site::Host& host, std::chrono::seconds copy_limit);

/// What keeps a verb from judging what one change does: only a site that is as its file says and healthy can show it.
/// Says it and shows the plan; `done` when nothing does. Pre: lock_hosts(). Suspends.
runtime::Task<ExitCode> expect_settled(SetupSession* session, bool use_colour);

}  // namespace gemel::cli
