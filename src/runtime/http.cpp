#include "runtime/http.h"

#include <cstdio>
#include <utility>

#include "base/text.h"

namespace gemel::runtime {

namespace {

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

// A "%" that no two hexadecimal digits follow stays as it is.
std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+') {
      result += ' ';
    } else if (text[at] == '%' && at + 2 < text.size() && hex_value(text[at + 1]) >= 0 &&
               hex_value(text[at + 2]) >= 0) {
      result += static_cast<char>(hex_value(text[at + 1]) * 16 + hex_value(text[at + 2]));
      at += 2;
    } else {
      result += text[at];
    }
  }
  return result;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char character : text) {
    const auto code = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
      out += '\\';
      out += character;
    } else if (code < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", code);
      out += escaped;
    } else {
      out += character;
    }
  }
  out += '"';
}

}  // namespace

Target parse_target(const std::string& target) {
  Target result;
  const auto mark = target.find('?');
  result.path = target.substr(0, mark);
  if (mark == std::string::npos) return result;
  for (const auto& part : split(std::string_view(target).substr(mark + 1), '&')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    const std::string_view name = std::string_view(part).substr(0, equals);
    const std::string_view value = equals == std::string::npos ? "" : std::string_view(part).substr(equals + 1);
    result.query[decoded(name)] = decoded(value);
  }
  return result;
}

HttpResponse json_response(unsigned status, std::string body) {
  return HttpResponse{status, {{"content-type", "application/json"}}, std::move(body)};
}

HttpResponse problem(unsigned status, const std::string& code, const std::string& detail) {
  std::string body = "{\"type\":\"about:blank\",\"status\":" + std::to_string(status) + ",\"code\":";
  append_json_string(body, code);
  body += ",\"title\":";
  append_json_string(body, code);
  body += ",\"detail\":";
  append_json_string(body, detail);
  body += "}";
  return HttpResponse{status, {{"content-type", "application/problem+json"}}, std::move(body)};
}

}  // namespace gemel::runtime
