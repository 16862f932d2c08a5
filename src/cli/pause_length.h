// How long a pause shall last, as people write it. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace gemel::cli {

/// "90s", "30m", "2h", "7d" and sums from the largest unit to the smallest, as "1h30m"; nothing for anything else, a
/// bare number included: nobody should have to guess its unit.
std::optional<std::chrono::seconds> parse_length(std::string_view text);
/// The same way back: "1h30m"; "0s" for nothing.
std::string length_text(std::chrono::seconds length);

}  // namespace gemel::cli
