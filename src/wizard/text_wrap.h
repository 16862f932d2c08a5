// Texts for a narrow page. Pure.
#pragma once

#include <cstddef>
#include <string>

namespace gemel::wizard {

/// What a text view of a page shows without scrolling to the side.
inline constexpr std::size_t view_width = 72;

/// Lines of at most `width` letters, broken between words where that is possible and indented as they were; line ends
/// stay. Pre: `width` is above every indentation.
std::string wrapped(const std::string& text, std::size_t width);

}  // namespace gemel::wizard
