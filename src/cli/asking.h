// What the verbs that ask an agent for something share: who asks, and watching until it came about.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "cli/session.h"

namespace gemel::cli {

/// The user who typed the command, also through sudo (SUDO_USER); "uid N" when N has no name.
std::string asking_user();

/// Looks at the site every 50 ms until `holds`; nothing when that took longer than `timeout`.
runtime::Task<std::optional<api::SiteStatus>> wait_for_site(api::AgentClient* agents, std::chrono::milliseconds limit,
                                                            std::chrono::seconds timeout,
                                                            std::function<bool(const api::SiteSummary&)> holds);

/// Prints a JSON object as `format` wants it: JSON or YAML; the sentence for a table.
void print_result(OutputFormat format, const std::string& json, const std::string& sentence);

}  // namespace gemel::cli
