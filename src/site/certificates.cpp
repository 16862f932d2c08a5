// X.509 by OpenSSL's EVP interface. Extensions follow RFC 5280 closely enough for `openssl verify -x509_strict`.
#include "site/certificates.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <set>

#include "base/text.h"
#include "site/network_address.h"
#include "site/openssl_handle.h"

namespace gemel::site {
namespace {

using openssl::Bio;
using openssl::Certificate;
using openssl::Deleter;
using openssl::Key;
using openssl::Names;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

constexpr std::chrono::hours clock_slack{1};  // a certificate is valid a little before it was made
constexpr std::chrono::days renew_before{30};
constexpr int serial_bits = 127;  // RFC 5280: positive, at most 20 octets; 64 random bits are the least

std::unexpected<Error> openssl_error(const std::string& what) {
  const auto number = ERR_get_error();
  const char* reason = number == 0 ? nullptr : ERR_reason_error_string(number);
  ERR_clear_error();
  return fail(ErrorCode::corrupt, what + ": " + (reason == nullptr ? "no reason given" : reason));
}

Bio reader_of(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Key read_key(const std::string& pem) {
  auto bio = reader_of(pem);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return key;
}

Certificate read_certificate(const std::string& pem) {
  auto bio = reader_of(pem);
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return certificate;
}

Result<KeyPair> to_pem(X509* certificate, EVP_PKEY* key) {
  const Bio certificate_bio(BIO_new(BIO_s_mem()));
  const Bio key_bio(BIO_new(BIO_s_secmem()));
  if (!certificate_bio || !key_bio || PEM_write_bio_X509(certificate_bio.get(), certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_error("writing a certificate");
  }
  return KeyPair{text_of(certificate_bio.get()), text_of(key_bio.get())};
}

bool add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_nconf_nid(nullptr, &context, kind, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate) {
  const Number serial(BN_new());
  return serial && BN_rand(serial.get(), serial_bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_validity(X509* certificate, std::chrono::days validity) {
  const std::time_t now = std::time(nullptr);
  const auto before = now - std::chrono::seconds(clock_slack).count();
  const auto after = now + std::chrono::seconds(validity).count();
  return ASN1_TIME_set(X509_getm_notBefore(certificate), before) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), after) != nullptr;
}

bool set_subject(X509* certificate, const std::string& common_name) {
  auto* name = X509_get_subject_name(certificate);
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.data());
  const auto size = static_cast<int>(common_name.size());
  return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>("Gemel"), -1, -1,
                                    0) == 1 &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, size, -1, 0) == 1;
}

/// Everything but issuer, extensions and signature.
Certificate new_certificate(EVP_PKEY* key, const std::string& common_name, std::chrono::days validity) {
  Certificate certificate(X509_new());
  const bool is_made = certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                       set_serial(certificate.get()) && set_validity(certificate.get(), validity) &&
                       set_subject(certificate.get(), common_name) && X509_set_pubkey(certificate.get(), key) == 1;
  return is_made ? std::move(certificate) : nullptr;
}

/// Servers of etcd dial themselves by the JSON gateway, agents dial each other: these need both directions.
std::string extended_usage(CertificateUse use) {
  switch (use) {
    case CertificateUse::agent:
    case CertificateUse::etcd_peer:
    case CertificateUse::etcd_server:
      return "serverAuth,clientAuth";
    case CertificateUse::manager:
    case CertificateUse::etcd_client:
    case CertificateUse::replication:
    case CertificateUse::rewind:
      return "clientAuth";
    case CertificateUse::postgres:
    case CertificateUse::web:
    case CertificateUse::balancer:
      return "serverAuth";
  }
  return "";
}

/// In OpenSSL's notation; IP literals in their one canonical spelling, so that lists can be compared.
std::set<std::string> alternative_names(const CertificateRequest& request) {
  std::set<std::string> names;
  for (const auto& name : request.dns_names) names.insert("DNS:" + name);
  for (const auto& text : request.addresses) {
    const auto address = parse_address(text);
    names.insert("IP:" + (address ? to_string(*address) : text));
  }
  names.insert("URI:" + request.uri);
  return names;
}

std::string text_of_name(const GENERAL_NAME* name) {
  int kind = 0;
  const void* value = GENERAL_NAME_get0_value(name, &kind);
  const auto* text = static_cast<const ASN1_STRING*>(value);
  if (kind == GEN_DNS || kind == GEN_URI || kind == GEN_IPADD) {
    const auto* data = ASN1_STRING_get0_data(text);
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(text));
    if (kind != GEN_IPADD)
      return (kind == GEN_DNS ? "DNS:" : "URI:") + std::string(reinterpret_cast<const char*>(data), size);
    IpAddress address;
    address.is_v6 = size == address.bytes.size();
    std::copy_n(data, std::min(size, address.bytes.size()), address.bytes.begin());
    return "IP:" + to_string(address);
  }
  return "other";
}

std::set<std::string> alternative_names(X509* certificate) {
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::set<std::string> texts;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i)
    texts.insert(text_of_name(sk_GENERAL_NAME_value(names.get(), i)));
  return texts;
}

std::string common_name_of(X509* certificate) {
  std::string text(65, '\0');
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text.data(),
                                             static_cast<int>(text.size()));
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return text;
}

bool is_valid_for(X509* certificate, std::chrono::days time) {
  std::time_t then = std::time(nullptr) + std::chrono::seconds(time).count();
  return X509_cmp_time(X509_get0_notAfter(certificate), &then) > 0;
}

}  // namespace

std::string to_string(CertificateUse use) {
  switch (use) {
    case CertificateUse::agent:
      return "agent";
    case CertificateUse::manager:
      return "manager";
    case CertificateUse::etcd_peer:
      return "etcd-peer";
    case CertificateUse::etcd_server:
      return "etcd-server";
    case CertificateUse::etcd_client:
      return "etcd-client";
    case CertificateUse::postgres:
      return "postgres";
    case CertificateUse::replication:
      return "replication";
    case CertificateUse::rewind:
      return "rewind";
    case CertificateUse::web:
      return "web";
    case CertificateUse::balancer:
      return "balancer";
  }
  return "";
}

Result<KeyPair> make_authority(const std::string& common_name, std::chrono::days validity) {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return openssl_error("making a key");
  const auto certificate = new_certificate(key.get(), common_name, validity);
  auto* raw = certificate.get();
  if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(raw)) != 1 ||
      !add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(raw, raw, NID_subject_key_identifier, "hash") ||
      !add_extension(raw, raw, NID_authority_key_identifier, "keyid:always") ||
      X509_sign(raw, key.get(), EVP_sha256()) == 0) {
    return openssl_error("making the authority " + common_name);
  }
  return to_pem(raw, key.get());
}

Result<KeyPair> issue_certificate(const KeyPair& authority, const CertificateRequest& request) {
  const auto issuer = read_certificate(authority.certificate);
  const auto issuer_key = read_key(authority.key);
  if (!issuer || !issuer_key) return fail(ErrorCode::corrupt, "the authority's certificate or key cannot be read");
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return openssl_error("making a key");
  const auto certificate = new_certificate(key.get(), request.common_name, certificate_validity);
  auto* raw = certificate.get();
  const auto names = alternative_names(request);
  if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(issuer.get())) != 1 ||
      !add_extension(raw, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(raw, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(raw, issuer.get(), NID_ext_key_usage, extended_usage(request.use)) ||
      !add_extension(raw, issuer.get(), NID_subject_alt_name, join({names.begin(), names.end()}, ",")) ||
      !add_extension(raw, issuer.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(raw, issuer.get(), NID_authority_key_identifier, "keyid:always") ||
      X509_sign(raw, issuer_key.get(), EVP_sha256()) == 0) {
    return openssl_error("issuing a certificate for " + request.uri);
  }
  return to_pem(raw, key.get());
}

std::string fault_of_authority(const KeyPair& authority) {
  const auto certificate = read_certificate(authority.certificate);
  if (!certificate) return "the certificate cannot be read";
  const auto key = read_key(authority.key);
  if (!key) return "the key cannot be read";
  const bool is_pair = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!is_pair) return "the key does not belong to the certificate";
  if (X509_check_ca(certificate.get()) != 1) return "the certificate is not that of an authority";
  if (X509_cmp_current_time(X509_get0_notBefore(certificate.get())) > 0) return "the certificate is not valid yet";
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0) return "the certificate has expired";
  return "";
}

bool is_current(const KeyPair& pair, const KeyPair& authority, const CertificateRequest& request) {
  const auto certificate = read_certificate(pair.certificate);
  const auto key = read_key(pair.key);
  const auto issuer = read_certificate(authority.certificate);
  const bool is_ours = certificate && key && issuer && X509_check_private_key(certificate.get(), key.get()) == 1 &&
                       X509_verify(certificate.get(), X509_get0_pubkey(issuer.get())) == 1;
  ERR_clear_error();
  return is_ours && is_valid_for(certificate.get(), renew_before) &&
         common_name_of(certificate.get()) == request.common_name &&
         alternative_names(certificate.get()) == alternative_names(request);
}

}  // namespace gemel::site
