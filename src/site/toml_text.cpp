#include "site/toml_text.h"

namespace gemel::site {

std::optional<std::size_t> offset_of(const std::string& text, toml::source_position position) {
  std::size_t at = 0;
  for (unsigned line = 1; line < position.line; ++line) {
    at = text.find('\n', at);
    if (at == std::string::npos) return std::nullopt;
    ++at;
  }
  for (unsigned column = 1; column < position.column; ++column) {
    if (at >= text.size()) return std::nullopt;
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) ++at;
  }
  return at;
}

std::size_t next_line(std::string& text, std::size_t at) {
  const auto end = text.find('\n', at);
  if (end != std::string::npos) return end + 1;
  text += '\n';
  return text.size();
}

}  // namespace gemel::site
