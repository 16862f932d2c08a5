// A database that somebody else runs (ADR 0032): what the operator's files hold, looked at before anything is changed.
// Its keys in the site file are checked in external_checks.cpp.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"
#include "site/site.h"

namespace gemel::site {

/// Where a manager host has the operator's authorities, and those that Debian's ca-certificates keeps.
inline constexpr std::string_view external_ca_file = "/etc/gemel/pki/db-ca.crt";
inline constexpr std::string_view system_ca_file = "/etc/ssl/certs/ca-certificates.crt";
/// ... and the password of the managers' user, of every kind of site.
inline constexpr std::string_view application_password_file = "/etc/gemel/secrets/application.password";

/// Sound. The password is secret.
struct ExternalDatabaseSecrets {
  std::string authorities;  // PEM, certificates and nothing else; empty: what the system trusts
  std::string password;
};

/// Reads the files. `refused` with every fault at once, each with how to mend it: not there, no certificate, a private
/// key among them, all of them expired at `now`; a password that others can read, that is none, or a known default.
/// Blocks.
Result<ExternalDatabaseSecrets> read_external_database(const ExternalDatabaseFiles& files,
                                                       std::chrono::sys_seconds now);

}  // namespace gemel::site
