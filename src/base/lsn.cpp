#include "base/lsn.h"

#include <fmt/format.h>

#include <charconv>

namespace gemel {

std::string to_string(Lsn lsn) { return fmt::format("{:X}/{:X}", lsn.value >> 32, lsn.value & 0xFFFFFFFFU); }

Result<Lsn> parse_lsn(std::string_view text) {
  const auto read_half = [](std::string_view half) -> Result<std::uint32_t> {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(half.data(), half.data() + half.size(), value, 16);
    if (error != std::errc{} || end != half.data() + half.size() || half.empty()) {
      return fail(ErrorCode::invalid, "not a WAL position");
    }
    return value;
  };
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return fail(ErrorCode::invalid, "not a WAL position");
  const auto high = read_half(text.substr(0, slash));
  const auto low = read_half(text.substr(slash + 1));
  if (!high || !low) return fail(ErrorCode::invalid, "not a WAL position");
  return Lsn{(std::uint64_t{*high} << 32) | *low};
}

}  // namespace gemel
