#include "site/secrets.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string_view>
#include <vector>

namespace gemel::site {
namespace {

constexpr std::size_t password_bytes = 24;
constexpr std::size_t shortest_password = 22;  // 128 bits at 6 bits a letter
constexpr std::size_t key_bytes = 32;

Status ready() {
  if (sodium_init() < 0) return fail(ErrorCode::unavailable, "the random generator cannot be started");
  return {};
}

constexpr std::size_t fewest_letters = 10;  // different ones

// Passwords that products and guides of this field come with, the mission's among them.
constexpr std::array<std::string_view, 24> known_defaults{
    "cliqr", "cliqruser", "postgres", "password", "passw0rd", "passwd", "admin",      "administrator",
    "root",  "changeme",  "change",   "secret",   "default",  "gemel",  "welcome",    "test",
    "guest", "letmein",   "qwerty",   "cisco",    "c1sco",    "toor",   "replicator", "rewind"};

/// True when known defaults, digits and separators alone make up the text.
bool is_made_of_defaults(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  std::vector<bool> is_reached(text.size() + 1, false);
  is_reached[0] = true;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!is_reached[at]) continue;
    if (std::isalpha(static_cast<unsigned char>(text[at])) == 0) is_reached[at + 1] = true;
    for (const auto word : known_defaults) {
      if (std::string_view(text).substr(at).starts_with(word)) is_reached[at + word.size()] = true;
    }
  }
  return is_reached.back();
}

template <std::size_t size>
std::string hexadecimal(const std::array<unsigned char, size>& bytes) {
  std::array<char, size * 2 + 1> text{};
  return sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
}

}  // namespace

Result<std::string> make_password() {
  if (auto status = ready(); !status) return std::unexpected(status.error());
  std::array<unsigned char, password_bytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::array<char, sodium_base64_ENCODED_LEN(password_bytes, variant)> text{};
  return std::string(sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant));
}

Result<std::string> make_key() {
  if (auto status = ready(); !status) return std::unexpected(status.error());
  std::array<unsigned char, key_bytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  return hexadecimal(bytes);
}

Result<std::string> make_uuid() {
  if (auto status = ready(); !status) return std::unexpected(status.error());
  std::array<unsigned char, 16> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0fU) | 0x40U);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3fU) | 0x80U);
  auto text = hexadecimal(bytes);
  for (const std::size_t dash : {20UL, 16UL, 12UL, 8UL}) text.insert(dash, 1, '-');
  return text;
}

bool is_password(const std::string& text) {
  return text.size() >= shortest_password && std::all_of(text.begin(), text.end(), [](unsigned char letter) {
           return std::isalnum(letter) != 0 || letter == '_' || letter == '-';
         });
}

bool is_key(const std::string& text) {
  return text.size() == key_bytes * 2 &&
         std::all_of(text.begin(), text.end(), [](unsigned char letter) { return std::isxdigit(letter) != 0; });
}

std::string why_no_password(const std::string& text) {
  if (is_made_of_defaults(text))
    return "That is a known default password: choose another, or leave it empty for a random one.";
  if (!is_password(text)) {
    return fmt::format(
        "A password has at least {} letters, digits, _ and -, and nothing else: leave it empty for a "
        "random one.",
        shortest_password);
  }
  if (std::set<char>(text.begin(), text.end()).size() < fewest_letters) {
    return fmt::format("It has fewer than {} different letters: leave it empty for a random one.", fewest_letters);
  }
  return {};
}

std::string why_no_foreign_password(const std::string& text) {
  if (text.empty()) return "it is empty; put the password there, one line";
  const auto is_control = [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; };
  if (std::ranges::any_of(text, is_control))
    return "more than one line, or control characters; put the password there, and nothing else";
  if (text.front() == ' ' || text.back() == ' ')
    return "the password begins or ends with a blank, which programs leave out; have the provider set another";
  if (is_made_of_defaults(text)) return "that is a known default password; have the provider set another";
  return {};
}

}  // namespace gemel::site
