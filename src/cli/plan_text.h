// A plan as a table for people and as JSON for programs. Pure. Neither holds a secret nor the hash of one.
#pragma once

#include <cstddef>
#include <string>

#include "site/plan.h"

namespace gemel::cli {

/// The steps in their order, then the problems; one sentence when there is nothing to do.
std::string plan_table(const std::string& site_name, const site::Plan& plan, bool is_wide, bool use_colour);

/// The same for a page of `width` columns (60 at least): the problems first, then the steps, without the restarts.
std::string plan_list(const std::string& site_name, const site::Plan& plan, std::size_t width);

/// {"api_version", "site", "steps": [{"id", "host", "kind", "changes", "restarts", "needs", "undo"}], "problems":
/// [{"code", "host", "text", "what", "why", "mend", "is_blocking"}]}; "text" is the three parts as one sentence.
std::string plan_json(const std::string& site_name, const site::Plan& plan);

/// Problems as sentences, one per line, each with all its hosts; the blocking ones first.
std::string problems_text(const site::Plan& plan);
bool is_blocked(const site::Plan& plan);

/// The problems as a report by itself: what is wrong, why it matters, how to mend it; the blocking ones first.
std::string findings_text(const std::string& site_name, const site::Plan& plan, bool use_colour);

/// {"api_version", "site", "is_blocked", "findings": as the problems of plan_json()}.
std::string findings_json(const std::string& site_name, const site::Plan& plan);

}  // namespace gemel::cli
