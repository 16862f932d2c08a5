// A boxed text table, as database people know it. Pure: rows in, text out. Knows nothing of hosts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gemel::cli {

enum class Colour { none, good, warning, bad, faint };

struct Cell {
  std::string text;
  Colour colour = Colour::none;
  bool is_number = false;  // aligned to the right
};

struct Table {
  std::string title;  // written into the upper border; may be empty
  std::vector<std::string> header;
  std::vector<std::vector<Cell>> rows;  // each as wide as the header
};

/// Columns of a terminal that a UTF-8 text takes, one per code point (no wide characters are used here).
std::size_t display_width(std::string_view text);
/// Without bytes that would move a terminal's cursor or change its colours: what hosts say is printed, not obeyed.
std::string printable(std::string_view text);
std::string coloured(std::string_view text, Colour colour, bool use_colour);
/// Ends with a newline.
std::string render_table(const Table& table, bool use_colour);

}  // namespace gemel::cli
