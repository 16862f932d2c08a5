// Whether a host that was installed anew may be set up again, and when it does its part. Pure but for one command.
#pragma once

#include <string>

#include "api/site_status.h"
#include "setup/remote.h"
#include "site/host_config.h"

namespace gemel::setup {

/// What the site says about replacing a host.
struct Replaceability {
  enum class Verdict {
    possible,  // nobody counts on what it had, and the others can take it back
    wait,      // its agent is silent, but the record still counts on its data: the primary will give it up
    refused
  };
  Verdict verdict = Verdict::refused;
  std::string why;  // not possible: a sentence
};

/// Pre: `host` is one of the site's. What it may need of the others is judged by all it does: a database host needs
/// another one that serves and does not count on it, a member of the store a majority of the others.
Replaceability replaceability_of(const site::Host& host, const api::SiteStatus& status);

/// What is still missing until `host` does everything it is for, as a sentence; empty when nothing. A database host
/// holds every write (or streams, beside as many standbys as commits wait for) and a failover is possible; a member of
/// the store runs; a manager gets requests; a balancer reaches all managers.
std::string missing_redundancy(const site::Host& host, const api::SiteStatus& status);

/// Makes sure that the host's member of the store joins the others' and never begins one of its own, even when it
/// reaches none of them at its start (ADR 0023): a host without a disk of before cannot know. Before its agent is
/// started. Idempotent.
RemoteCommand never_begin_anew();

/// What `gemel status -o json` printed, with anything before and after it. `corrupt` when there is no status in it.
Result<api::SiteStatus> read_status(const std::string& output);

}  // namespace gemel::setup
