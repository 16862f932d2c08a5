// Lsn: a position in PostgreSQL's write-ahead log, a byte count since the beginning of the cluster.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace gemel {

struct Lsn {
  std::uint64_t value = 0;  // bytes; 0 is "none"
  auto operator<=>(const Lsn&) const = default;
};

/// "16/B374D848", as PostgreSQL prints it.
std::string to_string(Lsn lsn);
/// Reads PostgreSQL's form; `invalid` for anything else.
Result<Lsn> parse_lsn(std::string_view text);

}  // namespace gemel
