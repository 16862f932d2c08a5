// Quoting for PostgreSQL's configuration files, connection strings, SQL and password files.
#include "adapters/postgres/quoting.h"

#include <cstdio>

namespace gemel::adapters::postgres {
namespace {

std::string doubled(std::string_view text, char quote) {
  std::string out(1, quote);
  for (char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  out += quote;
  return out;
}

std::string escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (char c : text) {
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string quote_setting(std::string_view value) {
  std::string out = "'";
  for (char c : value) {
    if (c == '\'') {
      out += "''";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char octal[8];
      std::snprintf(octal, sizeof octal, "\\%03o", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += octal;
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string quote_identifier(std::string_view name) { return doubled(name, '"'); }

std::string quote_literal(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return doubled(text, '\'');
  return "E" + doubled(escaped(text, "\\"), '\'');
}

std::string escape_passfile(std::string_view field) { return escaped(field, ":\\"); }

std::string make_conninfo(const std::map<std::string, std::string>& options) {
  std::string out;
  for (const auto& [key, value] : options) {
    if (value.empty()) continue;
    if (!out.empty()) out += ' ';
    out += key + "='" + escaped(value, "'\\") + "'";
  }
  return out;
}

}  // namespace gemel::adapters::postgres
