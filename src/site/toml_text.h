// Places in the text of a TOML document, for edits that leave everything else as a person wrote it. Private to this
// folder.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "site/toml_reader.h"

namespace gemel::site {

/// Where a position of the parser, which counts letters, is in the text, which has bytes.
std::optional<std::size_t> offset_of(const std::string& text, toml::source_position position);

/// The beginning of the line after the one that holds `at`; adds the line's end when it has none.
std::size_t next_line(std::string& text, std::size_t at);

}  // namespace gemel::site
