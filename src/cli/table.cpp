// Drawing of boxed tables.
#include "cli/table.h"

#include <algorithm>

#include "base/check.h"

namespace gemel::cli {
namespace {

std::string_view escape_of(Colour colour) {
  switch (colour) {
    case Colour::good:
      return "\x1b[32m";
    case Colour::warning:
      return "\x1b[33m";
    case Colour::bad:
      return "\x1b[31;1m";
    case Colour::faint:
      return "\x1b[2m";
    case Colour::none:
      break;
  }
  return {};
}

std::vector<std::size_t> column_widths(const Table& table) {
  std::vector<std::size_t> widths;
  for (const auto& name : table.header) widths.push_back(display_width(name));
  for (const auto& row : table.rows) {
    GEMEL_CHECK(row.size() == widths.size());
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], display_width(row[column].text));
    }
  }
  return widths;
}

std::string border(const std::vector<std::size_t>& widths, const std::string& title) {
  std::string line = "+";
  for (const auto width : widths) line += std::string(width + 2, '-') + "+";
  if (title.empty()) return line + "\n";
  // The title replaces the beginning of the border; the rest keeps its crossings.
  const std::string label = "+ " + title + " ";
  const auto taken = display_width(label);
  return label + (taken < line.size() ? line.substr(taken) : "+") + "\n";
}

std::string padded(const Cell& cell, std::size_t width, bool use_colour) {
  const std::string space(width - display_width(cell.text), ' ');
  const auto text = coloured(cell.text, cell.colour, use_colour);
  return cell.is_number ? space + text : text + space;
}

std::string line_of(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths, bool use_colour) {
  std::string line = "|";
  for (std::size_t column = 0; column < cells.size(); ++column) {
    line += " " + padded(cells[column], widths[column], use_colour) + " |";
  }
  return line + "\n";
}

}  // namespace

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

std::string printable(std::string_view text) {
  std::string result;
  for (const char byte : text) {
    const auto code = static_cast<unsigned char>(byte);
    if (byte == '\n' || byte == '\t') {
      result += ' ';
    } else if (code >= 0x20 && code != 0x7F) {
      result += byte;
    } else {
      result += '?';
    }
  }
  return result;
}

std::string coloured(std::string_view text, Colour colour, bool use_colour) {
  if (!use_colour || colour == Colour::none) return std::string(text);
  return std::string(escape_of(colour)) + std::string(text) + "\x1b[0m";
}

std::string render_table(const Table& table, bool use_colour) {
  std::vector<Cell> header;
  for (const auto& name : table.header) header.push_back({name});
  const auto widths = column_widths(table);
  std::string text = border(widths, table.title) + line_of(header, widths, use_colour) + border(widths, {});
  for (const auto& row : table.rows) text += line_of(row, widths, use_colour);
  return text + border(widths, {});
}

}  // namespace gemel::cli
