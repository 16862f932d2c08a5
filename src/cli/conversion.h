// What gemel convert and the wizard share: when a running site can be converted, and what a person has to know
// afterwards (ADR 0026). What is done is a plan like any other.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "cli/setup_session.h"
#include "cli/verbs.h"
#include "site/plan.h"

namespace gemel::cli {

/// A copy of a large database takes its time.
inline constexpr std::chrono::seconds copy_limit = std::chrono::hours(4);

/// Some database host of the site runs. Pre: facts were gathered. Pure.
bool is_running(const site::PlanInput& input);

/// Why there is nothing to convert, when none does.
inline constexpr std::string_view nothing_to_convert =
    "no database of this site runs on these hosts, so there is nothing to convert: \"gemel apply\" sets a new site up; "
    "nothing was changed";

/// The site of the plan grows from one that runs alone. Pure.
bool is_growing(const site::PlanInput& input);

/// Where users go from now on, in sentences with a line's end; empty when they go there already. Pure.
std::string way_of_users(const site::PlanInput& input);

/// What a person types to convert the site of `site_file`, as a shell reads it. Pure.
std::string convert_command(const SetupOptions& options, const std::filesystem::path& site_file);

}  // namespace gemel::cli
