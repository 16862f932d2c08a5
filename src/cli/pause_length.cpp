#include "cli/pause_length.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace gemel::cli {
namespace {

struct Unit {
  char letter;
  std::int64_t seconds;
};
constexpr std::array<Unit, 4> units{{{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}};
constexpr std::int64_t most = 1'000'000;  // of any unit: far above the longest pause, far below an overflow

}  // namespace

std::optional<std::chrono::seconds> parse_length(std::string_view text) {
  std::int64_t total = 0;
  if (text.empty()) return std::nullopt;
  for (const auto& unit : units) {
    if (text.empty()) break;
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{} || count < 0 || count > most || end == text.data() + text.size()) return std::nullopt;
    if (*end != unit.letter) continue;
    total += count * unit.seconds;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  }
  if (!text.empty()) return std::nullopt;
  return std::chrono::seconds(total);
}

std::string length_text(std::chrono::seconds length) {
  std::string text;
  std::int64_t left = length.count();
  for (const auto& unit : units) {
    if (left / unit.seconds == 0) continue;
    text += std::to_string(left / unit.seconds) + unit.letter;
    left %= unit.seconds;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace gemel::cli
