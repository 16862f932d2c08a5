// render(): one site becomes one tree of files per host, with keys and certificates, in a directory that is kept.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "site/authorities.h"
#include "site/problem.h"
#include "site/site.h"

namespace gemel::site {

struct Rendered {
  std::string site_id;
  std::filesystem::path summary;     // DIR/summary.txt: settings without secrets, for people
  unsigned certificates_issued = 0;  // 0 when all were there already
  std::vector<Problem> findings;     // about the operator's own certificate; none is blocking
};

/// Writes below `directory` (mode 0700, made with its parents when missing):
///   <host>/etc/gemel/…     exactly the files of docs/ARCHITECTURE.md for the host's role
///   <host>/.permissions    "MODE OWNER:GROUP /path" for each directory and file of it
///   ca/*-ca.crt, *-ca.key  the authorities; their keys go to no host
///   secrets/*              one copy of each secret, so that a new host gets the same
///   site.id                which site the directory belongs to
///   summary.txt
///
/// Idempotent: existing authorities, secrets and certificates that still fit are kept; a certificate whose host got
/// other addresses or that ends within 30 days is issued anew. Hosts no longer in the site stay where they are. Every
/// file is written whole, with its final mode, before it gets its name; owners are left to who installs the tree.
/// Of an external database the managers get what the operator's files hold, in place of the authority and the password
/// that would be made. Where users look, the operator's own certificate takes the place of an issued one when the site
/// has one; nothing is written when it is not sound. Blocks. Errors: `refused` = it, or an authority, cannot be used;
/// `conflict` = the directory belongs to another site, holds other things, or is being rendered to; `corrupt` = an
/// authority or secret in it is damaged (nothing is overwritten); `denied`/`unavailable` = files.
///
/// `application_password`: what a person chose for the managers' database user, see why_no_password(); it is kept like
/// one that was made. `conflict` when the directory has another one already: changing it takes more than a file.
Result<Rendered> render(const Site& site, const std::filesystem::path& directory,
                        const std::optional<std::string>& application_password = {});

/// Takes the exchange of the authorities one stage on (ADR 0027). Render again afterwards,
/// and let every host have it, before the next. `what` counts at the first stage. When any authority takes part, the
/// certificates of the others are issued anew, too. Pre: `directory` was rendered for `site`. Errors as those of
/// render(). Blocks.
Result<ExchangeStage> advance_exchange(const Site& site, const std::filesystem::path& directory, const Exchanged& what);

}  // namespace gemel::site
