// One host leaves a site that goes on (ADR 0031): whether it may, and the order in which the others stop counting on it
// and it is stopped.
#pragma once

#include <functional>
#include <string>

#include "api/site_status.h"
#include "setup/plan_run.h"
#include "setup/remote.h"
#include "setup/site_removal.h"
#include "site/host_config.h"

namespace gemel::setup {

/// What the site says about going on without a host.
struct Removability {
  enum class Verdict {
    possible,  // the site is well, or nothing is wrong with it but what is wrong with this host
    wait,      // not well now; may mend itself within seconds
    refused
  };
  Verdict verdict = Verdict::refused;
  std::string why;  // not possible: a sentence
};
/// Pre: `host` is one of the site's. `is_lost`: a person says that it is gone for good. Pure.
Removability removability_of(const site::Host& host, const api::SiteStatus& status, bool is_lost);

/// The same site as if the host had never been in it: judged anew, without its balancers' lines. Pure.
api::SiteStatus status_without(const std::string& host, api::SiteStatus status);

/// What is missing until nobody counts on the host and the others are a healthy site by themselves, as a sentence;
/// empty when nothing. Pure.
std::string missing_without(const std::string& host, const api::SiteStatus& status);

/// What take_out() does not do itself. All outlive it.
struct RemovalParts {
  /// What any other host says of the site.
  std::function<runtime::Task<Result<api::SiteStatus>>()> ask;
  /// The others get the files of the site without the host, one after the other, and are a healthy site then.
  std::function<runtime::Task<Status>()> change_others;
  /// The host is in the site file no more.
  std::function<Status()> forget;
  std::function<void(const std::string&)> say;  // a line for a person
};

/// In this order, each only after the one before: a database host is stopped, and it is waited until the primary counts
/// on it no more (told of the new list first, it would find a member from which it hears nothing, and shut its gate);
/// the others change; the host is stopped and what it has is moved aside; the site file forgets it. Of a lost
/// host nothing is touched. Stopped anywhere, the same goes on; until the last step the site file still has the host,
/// so that `gemel apply` can also take it back.
///
/// `refused` and nothing done: the host belongs to another site; `timed_out`: the others count on it still; else errors
/// of the parts. Suspends. Loop thread.
runtime::Task<Status> take_out(Remote* remote, RemovalInput input, site::Host host, bool is_lost, RemovalParts parts,
                               CheckTimes times);

}  // namespace gemel::setup
