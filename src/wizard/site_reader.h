// Pieces of reading a site file into answers. Private to this folder: see answers_of_site() in site_writer.h.
#pragma once

#include <map>
#include <string>

#include "site/site.h"
#include "wizard/answers.h"

namespace gemel::wizard {

/// What the form asks for, from a sound site. Without `kept`. Pure.
Answers answers_of(const site::Site& site);

/// The keys of a site file that the form has no field for, as "section.key" to their value in TOML; the timers' profile
/// is among them. Pre: the file has no mistake. Pure.
std::map<std::string, std::string> kept_keys(const std::string& text, const std::string& filename);

}  // namespace gemel::wizard
