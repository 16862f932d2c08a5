// What a person reads before anything is changed, and writes down afterwards. Pure; neither text holds a secret.
#pragma once

#include <filesystem>
#include <string>

#include "site/site.h"
#include "wizard/answers.h"

namespace gemel::wizard {

/// Every field with its answer, screen by screen, then warnings. Of the password only whether there is one.
std::string summary_text(const Answers& answers);

/// Where everything is, of a site that was set up.
struct Places {
  std::filesystem::path site_file;
  std::filesystem::path state;  // the set-up's directory of the site
  std::filesystem::path log;    // empty: nothing was to do, so there is none
};

/// The page to write down: addresses, and in which files the secrets are.
std::string final_text(const site::Site& site, const Places& places);

}  // namespace gemel::wizard
