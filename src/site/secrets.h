// Random secrets and identities of a site, from the operating system's generator (libsodium).
#pragma once

#include <string>

#include "base/error.h"

namespace gemel::site {

/// 192 random bits in 32 letters of [A-Za-z0-9_-]: safe in files, URLs and connection strings without quoting.
Result<std::string> make_password();
/// 32 random bytes as 64 hexadecimal digits.
Result<std::string> make_key();
/// A random UUID (version 4, RFC 9562).
Result<std::string> make_uuid();

/// What the generators above may have made: used before an existing secret is kept.
bool is_password(const std::string& text);
bool is_key(const std::string& text);

/// Why a password that a person chose is not taken, with what to do; empty when it is. Known default passwords, also
/// repeated or with digits after them, never are. Pure.
std::string why_no_password(const std::string& text);

/// The same for a password that somebody else's database has: it is taken as it is, if it fits one line and is no known
/// default. Pure.
std::string why_no_foreign_password(const std::string& text);

}  // namespace gemel::site
