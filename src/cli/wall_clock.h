// Wall-clock times as text and as numbers, for what the command line prints and reads. Pure: asks no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gemel::cli {

using Milliseconds = std::chrono::milliseconds;

/// "2026-01-31T12:00:00.250Z", with or without fraction and Z: milliseconds since 1970 (UTC).
std::optional<Milliseconds> parse_wall(std::string_view text);
/// "12:00", "12:00:03", "12:00:03.5": milliseconds since midnight.
std::optional<Milliseconds> parse_time_of_day(std::string_view text);
/// "2026-01-31T12:00:00.250Z".
std::string wall_text(Milliseconds since_1970);

}  // namespace gemel::cli
