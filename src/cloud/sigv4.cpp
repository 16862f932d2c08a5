#include "cloud/sigv4.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <map>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "site/manifest.h"

namespace gemel::cloud {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view scope_end = "aws4_request";
constexpr std::size_t date_digits = 8;

std::string hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const auto* done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                          reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  GEMEL_CHECK(done != nullptr);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

/// Without blanks at the ends, and with one where there were several.
std::string collapsed(std::string_view value) {
  std::string text;
  for (const char letter : trim(value)) {
    if (letter != ' ' || !text.ends_with(' ')) text += letter;
  }
  return text;
}

std::string date_of(const SigningScope& scope) { return scope.date_time.substr(0, date_digits); }

std::string scope_text(const SigningScope& scope) {
  return fmt::format("{}/{}/{}/{}", date_of(scope), scope.region, scope.service, scope_end);
}

std::string signed_names(const runtime::Headers& headers) {
  std::vector<std::string> names;
  for (const auto& [name, value] : headers) names.push_back(name);
  return join(names, ";");
}

}  // namespace

std::string signing_time(std::chrono::milliseconds since_1970) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_1970).count();
  return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

std::string percent_encoded(std::string_view text) {
  static constexpr std::string_view unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string result;
  for (const char letter : text) {
    if (unreserved.contains(letter)) {
      result += letter;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
  return result;
}

std::string canonical_request(const runtime::HttpRequest& request) {
  const auto target = runtime::parse_target(request.target);
  std::map<std::string, std::string> query;  // sorted by the encoded name
  for (const auto& [name, value] : target.query) query[percent_encoded(name)] = percent_encoded(value);
  std::vector<std::string> pairs;
  for (const auto& [name, value] : query) pairs.push_back(name + "=" + value);
  std::string text = fmt::format("{}\n{}\n{}\n", request.method, target.path, join(pairs, "&"));
  for (const auto& [name, value] : request.headers) text += fmt::format("{}:{}\n", name, collapsed(value));
  return text + fmt::format("\n{}\n{}", signed_names(request.headers), site::sha256_hex(request.body));
}

std::string string_to_sign(const SigningScope& scope, std::string_view canonical) {
  return fmt::format("{}\n{}\n{}\n{}", algorithm, scope.date_time, scope_text(scope),
                     site::sha256_hex(std::string(canonical)));
}

std::string signature(const SigningScope& scope, std::string_view secret, std::string_view to_sign) {
  std::string key = hmac("AWS4" + std::string(secret), date_of(scope));
  for (const auto part : {std::string_view(scope.region), std::string_view(scope.service), scope_end})
    key = hmac(key, part);
  return hexadecimal(hmac(key, to_sign));
}

runtime::HttpRequest signed_request(runtime::HttpRequest request, const AwsKeys& keys, const SigningScope& scope) {
  request.headers["x-amz-date"] = scope.date_time;
  if (!keys.session.empty()) request.headers["x-amz-security-token"] = keys.session;
  const auto proof = signature(scope, keys.secret, string_to_sign(scope, canonical_request(request)));
  const auto names = signed_names(request.headers);
  request.headers["authorization"] = fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", algorithm,
                                                 keys.id, scope_text(scope), names, proof);
  return request;
}

}  // namespace gemel::cloud
