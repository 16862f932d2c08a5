// What PostgreSQL keeps instead of a password (SCRAM-SHA-256, RFC 7677): made here, so that the password itself goes
// neither to the server nor into its log when it is set.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace gemel::site {

/// PostgreSQL's own number of rounds (scram_iterations' fixed value until version 15).
inline constexpr int scram_iterations = 4096;

/// "SCRAM-SHA-256$<rounds>:<salt>$<stored key>:<server key>", as pg_authid holds it. `password` is printable ASCII: no
/// normalisation is done. `unavailable` when OpenSSL refuses.
Result<std::string> scram_verifier(std::string_view password, std::span<const std::uint8_t> salt);
/// The same with 16 random bytes as salt.
Result<std::string> scram_verifier(std::string_view password);

}  // namespace gemel::site
