// A host that comes to a site that runs, or leaves it: the site file with its section and without it, and which changes
// of that kind are safe host by host (ADR 0031). Pure.
#pragma once

#include <string>

#include "base/error.h"
#include "site/manifest.h"
#include "site/plan.h"
#include "site/site.h"

namespace gemel::site {

/// What a person says of a new host, as it stands in [[host]]; empty: the key is left out.
struct NewHost {
  std::string name;
  std::string role;
  std::string address;
  std::string address6;
  std::string zone;
  std::string vip;
};

/// The text of a site file with one more [[host]] after the last one, and without any other difference: comments, order
/// and layout stay. `invalid`: the text is not TOML, its hosts are written in another way, or a value cannot stand in a
/// file. Whether the host is a good one, parse_site() says of the whole file.
Result<std::string> with_host(const std::string& text, const NewHost& host);

/// The same without the [[host]] of that name; comments around it stay. with_host() is undone exactly. `not_found`: no
/// such host; `invalid`: as above.
Result<std::string> without_host(const std::string& text, const std::string& name);

/// In what the site's host of this name differs from what was said of it, as a sentence; empty when in nothing. Pre:
/// the site has it.
std::string difference_of(const Site& site, const NewHost& host);

/// Why no host of this role comes to the site while it runs, with what to do instead; empty when one may, or when there
/// is no such role.
std::string why_no_host_is_added(const Site& site, const std::string& role);

/// Why the host does not leave the site while it runs, with what to do instead; empty when it may. `rest` is the site
/// of the file without it; nullptr: that file has mistakes, which say themselves what is wrong. Pre: the site has it.
std::string why_host_stays(const Site& site, const Site* rest, const std::string& name);

/// Which host of the store would have another vote in the other site; empty: the same hosts vote in both.
std::string changed_vote(const Site& one, const Site& other);

/// What `plan`, which takes one host out of a site, would change besides that, as a sentence: then the site was not as
/// its file says. `facts` are the plan's, `former` is what was rendered for the site with the host. Empty: nothing
/// else.
std::string what_else_changes(const Plan& plan, const SiteFacts& facts, const Manifest& former);

}  // namespace gemel::site
