#include "site/scram_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <vector>

namespace gemel::site {
namespace {

std::vector<std::uint8_t> from_base64(const std::string& text) {
  std::vector<std::uint8_t> bytes(text.size());
  const int size =
      EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  const auto padding = static_cast<std::size_t>(std::count(text.begin(), text.end(), '='));
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

std::string to_base64(const std::vector<std::uint8_t>& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  text.resize(static_cast<std::size_t>(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()))));
  return text;
}

// The exchange of RFC 7677, section 3: the server signs it with the key that the verifier holds.
TEST(ScramVerifier, signs_the_exchange_of_the_standard) {
  const auto salt = from_base64("W22ZaJ0SNY7soEsUEjb6gQ==");
  const auto verifier = scram_verifier("pencil", salt);
  ASSERT_TRUE(verifier);
  EXPECT_THAT(*verifier, testing::StartsWith("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"));
  const auto server_key = from_base64(verifier->substr(verifier->rfind(':') + 1));
  const std::string exchange =
      "n=user,r=rOprNGfwEbeRWgbNEkqO,"
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  std::vector<std::uint8_t> signature(32);
  unsigned size = 0;
  HMAC(EVP_sha256(), server_key.data(), static_cast<int>(server_key.size()),
       reinterpret_cast<const unsigned char*>(exchange.data()), exchange.size(), signature.data(), &size);
  EXPECT_EQ(to_base64(signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST(ScramVerifier, is_another_one_each_time) {
  const auto first = scram_verifier("pencil");
  const auto second = scram_verifier("pencil");
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_EQ(first->find("pencil"), std::string::npos);
}

}  // namespace
}  // namespace gemel::site
