#include "adapters/haproxy/config_writer.h"

#include <algorithm>

namespace gemel::adapters::haproxy {
namespace {

bool is_harmless(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
         std::string_view("_-./:@,=+%*()[]{}!<>&|;").contains(letter);
}

}  // namespace

Result<std::string> quote(std::string_view word) {
  const auto is_control = [](char letter) { return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f; };
  if (std::any_of(word.begin(), word.end(), is_control)) {
    return fail(ErrorCode::invalid, "a control character cannot stand in the balancer's configuration");
  }
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_harmless)) return std::string(word);
  std::string text = "'";
  for (const char letter : word) {
    if (letter == '\'') {
      text += "'\\''";  // end the quotes, one escaped quote, begin again
    } else {
      text += letter;
    }
  }
  return text + "'";
}

void ConfigWriter::section(std::initializer_list<std::string_view> words) {
  if (!text_.empty()) text_ += '\n';
  write(words);
}

void ConfigWriter::line(std::initializer_list<std::string_view> words) {
  text_ += "  ";
  write(words);
}

void ConfigWriter::write(std::initializer_list<std::string_view> words) {
  bool is_first = true;
  for (const auto word : words) {
    const auto quoted = quote(word);
    if (!quoted && status_) status_ = std::unexpected(quoted.error());
    if (!is_first) text_ += ' ';
    is_first = false;
    if (quoted) text_ += *quoted;
  }
  text_ += '\n';
}

Result<std::string> ConfigWriter::finish() const {
  if (!status_) return std::unexpected(status_.error());
  return text_;
}

}  // namespace gemel::adapters::haproxy
