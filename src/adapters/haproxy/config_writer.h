// Writes the lines of an HAProxy configuration word by word, each quoted as it needs. No text gets in unchecked.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.h"

namespace gemel::adapters::haproxy {

/// `word` as one word of an HAProxy configuration: as it is when it has only harmless letters, else in single quotes,
/// inside which HAProxy expands nothing. `invalid` for control characters and the zero byte: no quoting carries these.
Result<std::string> quote(std::string_view word);

/// Collects lines; the first mistake is kept and given by finish().
class ConfigWriter {
 public:
  /// "frontend https-in"
  void section(std::initializer_list<std::string_view> words);
  /// An indented line below the section.
  void line(std::initializer_list<std::string_view> words);
  /// The whole text, or the first word that could not be written.
  [[nodiscard]] Result<std::string> finish() const;

 private:
  void write(std::initializer_list<std::string_view> words);
  std::string text_;
  Status status_;
};

}  // namespace gemel::adapters::haproxy
