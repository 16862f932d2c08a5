// Certificates in PEM texts, by OpenSSL. Private to this folder.
#pragma once

#include <openssl/x509.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "site/openssl_handle.h"

namespace gemel::site::openssl {

/// Reads from `text`, which must outlive it.
Bio reader_of(const std::string& text);
/// What was written into a memory BIO.
std::string text_of(BIO* bio);

/// Every certificate of a PEM text, whatever else stands in it; fewer than claimed_certificates() when one is damaged.
std::vector<Certificate> read_certificates(const std::string& text);
/// How many the text says it holds.
std::size_t claimed_certificates(const std::string& text);
/// The certificates and nothing else.
std::string to_pem(const std::vector<Certificate>& certificates);

std::chrono::sys_seconds begin_of(const X509* certificate);
std::chrono::sys_seconds end_of(const X509* certificate);

}  // namespace gemel::site::openssl
