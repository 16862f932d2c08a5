// Pieces of reading a site file into answers. Private to this folder: see answers_of_site() in site_writer.h.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "site/site.h"
#include "wizard/answers.h"

namespace gemel::wizard {

/// Fields whose answers are written also for a kind of site that is not asked for them: a file may have them anyway.
inline constexpr std::array<std::string_view, 2> unasked_of_every_kind{"network.timers", "balancer.statistics_port"};

/// What the form asks for, from a sound site. Without `kept`. Pure.
Answers answers_of(const site::Site& site);

/// The keys of a site file that the form has no field for, as "section.key" to their value in TOML; the timers' profile
/// is among them. Pre: the file has no mistake. Pure.
std::map<std::string, std::string> kept_keys(const std::string& text, const std::string& filename);

}  // namespace gemel::wizard
