#include "site/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>
#include <string_view>

namespace gemel::site::openssl {
namespace {

std::size_t count_of(std::string_view text, std::string_view word) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + word.size())) ++count;
  return count;
}

std::chrono::sys_seconds time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

}  // namespace

Bio reader_of(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::vector<Certificate> read_certificates(const std::string& text) {
  std::vector<Certificate> certificates;
  const auto bio = reader_of(text);
  while (auto* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    certificates.emplace_back(certificate);
  ERR_clear_error();
  return certificates;
}

std::size_t claimed_certificates(const std::string& text) {
  return count_of(text, "-----BEGIN CERTIFICATE-----") + count_of(text, "-----BEGIN X509 CERTIFICATE-----");
}

std::string to_pem(const std::vector<Certificate>& certificates) {
  const Bio bio(BIO_new(BIO_s_mem()));
  for (const auto& certificate : certificates) PEM_write_bio_X509(bio.get(), certificate.get());
  return text_of(bio.get());
}

std::chrono::sys_seconds begin_of(const X509* certificate) { return time_of(X509_get0_notBefore(certificate)); }
std::chrono::sys_seconds end_of(const X509* certificate) { return time_of(X509_get0_notAfter(certificate)); }

}  // namespace gemel::site::openssl
