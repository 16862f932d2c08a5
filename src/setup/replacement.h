// Whether a database host that was installed anew may be filled again, and when it has become a full copy. Pure.
#pragma once

#include <string>

#include "api/site_status.h"

namespace gemel::setup {

/// What the site says about replacing a host.
struct Replaceability {
  enum class Verdict {
    possible,  // somebody else serves, and nobody counts on the host's data
    wait,      // its agent is silent, but the record still counts on it: the primary will give it up
    refused
  };
  Verdict verdict = Verdict::refused;
  std::string why;  // not possible: a sentence
};

/// Pre: `host` is a database host of the site.
Replaceability replaceability_of(const std::string& host, const api::SiteStatus& status);

/// What is still missing until `host` holds every write and a failover is possible, as a sentence; empty when nothing.
std::string missing_redundancy(const std::string& host, const api::SiteStatus& status);

/// What `gemel status -o json` printed, with anything before and after it. `corrupt` when there is no status in it.
Result<api::SiteStatus> read_status(const std::string& output);

}  // namespace gemel::setup
