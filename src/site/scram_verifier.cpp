#include "site/scram_verifier.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include <array>

namespace gemel::site {
namespace {

constexpr std::size_t key_size = 32;  // of SHA-256
constexpr std::size_t salt_size = 16;
using Key = std::array<std::uint8_t, key_size>;

bool hmac(const Key& key, std::string_view text, Key& result) {
  unsigned size = 0;
  return HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
              reinterpret_cast<const unsigned char*>(text.data()), text.size(), result.data(), &size) != nullptr;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr int variant = sodium_base64_VARIANT_ORIGINAL;
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant);
  text.pop_back();  // the end of a C string
  return text;
}

}  // namespace

Result<std::string> scram_verifier(std::string_view password, std::span<const std::uint8_t> salt) {
  Key salted{};
  Key client{};
  Key stored{};
  Key server{};
  const bool is_made =
      PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(), static_cast<int>(salt.size()),
                        scram_iterations, EVP_sha256(), static_cast<int>(salted.size()), salted.data()) == 1 &&
      hmac(salted, "Client Key", client) && hmac(salted, "Server Key", server) &&
      EVP_Digest(client.data(), client.size(), stored.data(), nullptr, EVP_sha256(), nullptr) == 1;
  if (!is_made) return fail(ErrorCode::unavailable, "a password could not be hashed");
  return fmt::format("SCRAM-SHA-256${}:{}${}:{}", scram_iterations, base64(salt), base64(stored), base64(server));
}

Result<std::string> scram_verifier(std::string_view password) {
  if (sodium_init() < 0) return fail(ErrorCode::unavailable, "the random generator cannot be started");
  std::array<std::uint8_t, salt_size> salt{};
  randombytes_buf(salt.data(), salt.size());
  return scram_verifier(password, salt);
}

}  // namespace gemel::site
