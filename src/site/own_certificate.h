// The operator's own certificate for what users see, HTTPS of the balancers and managers: read from the files that the
// site file names, and looked at before anything is changed. Certificates that Gemel makes are certificates.h's.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "site/certificates.h"
#include "site/problem.h"
#include "site/site.h"

namespace gemel::site {

/// Until then a renewal is due, and every plan says so.
inline constexpr std::chrono::days own_certificate_renewal{30};

/// Sound for the site. The pair's certificate is the whole chain, its own first; comments and whatever else was in the
/// files are left out. The key is secret.
struct OwnCertificate {
  KeyPair pair;
  std::chrono::sys_seconds ends;    // the earliest end of the chain
  bool is_key_open_to_all = false;  // its file can be read by everybody
};

/// What the operator's files hold.
struct OwnCertificateTexts {
  std::string certificate;  // PEM: the certificate, then those that lead to its authority
  std::string key;          // PEM, may be the same text
  std::string authority;    // PEM; empty: the last one of the chain if it signed itself, else what this system trusts
};
struct ExaminedCertificate {
  OwnCertificate certificate;       // meaningless with faults
  std::vector<std::string> faults;  // "/x/mgmt.crt: it … (2021-01-01); put …": each with how to mend it; none: sound
};
/// Looks at the texts as they are at `now`: readable, belonging together, valid, with a key that browsers take, made
/// for `dns_name` and for servers, its chain complete and in order. `files` stand in the sentences. Reads no file but
/// those of this system's trust, and these only for a chain that ends without its root.
ExaminedCertificate examine_own_certificate(const OwnCertificateTexts& texts, const OwnCertificateFiles& files,
                                            const std::string& dns_name, std::chrono::sys_seconds now);

/// Reads the files and examines them. `refused` with every fault at once. Blocks.
Result<OwnCertificate> read_own_certificate(const OwnCertificateFiles& files, const std::string& dns_name,
                                            std::chrono::sys_seconds now);

/// What is worth a word about a sound one, for each host that shows it: that it ends soon, that its key lies open.
/// Pure.
std::vector<Problem> findings_of(const OwnCertificate& certificate, const Site& site, std::chrono::sys_seconds now);

/// "2027-01-31".
std::string date_of(std::chrono::sys_seconds time);

}  // namespace gemel::site
