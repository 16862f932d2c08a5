#include "site/secrets.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace gemel::site {
namespace {

constexpr std::size_t password_bytes = 24;
constexpr std::size_t shortest_password = 22;  // 128 bits at 6 bits a letter
constexpr std::size_t key_bytes = 32;

Status ready() {
  if (sodium_init() < 0) return fail(ErrorCode::unavailable, "the random generator cannot be started");
  return {};
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

}  // namespace gemel::site
