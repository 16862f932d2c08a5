#include "runtime/test_certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/check.h"

namespace gemel::runtime {

namespace {

using KeyPointer = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using CertificatePointer = std::unique_ptr<X509, decltype(&X509_free)>;
using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
constexpr long day = 24 * 60 * 60;

KeyPointer make_key() {
  KeyPointer key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  GEMEL_CHECK(key != nullptr);
  return key;
}

File open_for_writing(const std::filesystem::path& path) {
  File file(std::fopen(path.c_str(), "we"), &std::fclose);
  GEMEL_CHECK(file != nullptr);
  return file;
}

void write_certificate(const std::filesystem::path& path, X509* certificate) {
  const File file = open_for_writing(path);
  GEMEL_CHECK(PEM_write_X509(file.get(), certificate) == 1);
}

void write_key(const std::filesystem::path& path, EVP_PKEY* key) {
  const File file = open_for_writing(path);
  GEMEL_CHECK(chmod(path.c_str(), 0600) == 0);
  GEMEL_CHECK(PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  GEMEL_CHECK(extension != nullptr);
  GEMEL_CHECK(X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

CertificatePointer make_certificate(const std::string& name, EVP_PKEY* key, long until) {
  static long serial = 1;
  CertificatePointer certificate(X509_new(), &X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -2 * day);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), until);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  GEMEL_CHECK(X509_set_pubkey(certificate.get(), key) == 1);
  return certificate;
}

std::string alternative_names(const TestIdentity& identity) {
  std::string names;
  const auto add = [&names](const char* kind, const std::vector<std::string>& values) {
    for (const auto& value : values) names += (names.empty() ? "" : ",") + std::string(kind) + value;
  };
  add("DNS:", identity.dns);
  add("IP:", identity.addresses);
  add("URI:", identity.uris);
  return names;
}

}  // namespace

struct TestAuthority::Keys {
  KeyPointer key;
  CertificatePointer certificate;
};

TestAuthority::TestAuthority(const std::string& name) {
  std::string pattern = (std::filesystem::temp_directory_path() / "gemel-certificates-XXXXXX").string();
  GEMEL_CHECK(mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  ca_file_ = folder_ / (name + "-ca.crt");
  auto key = make_key();
  auto certificate = make_certificate(name + " authority", key.get(), 10 * day);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash");
  GEMEL_CHECK(X509_sign(certificate.get(), key.get(), EVP_sha256()) != 0);
  write_certificate(ca_file_, certificate.get());
  keys_ = std::make_unique<Keys>(Keys{std::move(key), std::move(certificate)});
}

TestAuthority::~TestAuthority() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

TlsFiles TestAuthority::issue(const TestIdentity& identity) {
  const auto key = make_key();
  const auto certificate = make_certificate(identity.name, key.get(), identity.is_expired ? -day : 5 * day);
  X509* authority = keys_->certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(authority));
  add_extension(certificate.get(), authority, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate.get(), authority, NID_key_usage, "critical,digitalSignature");
  add_extension(certificate.get(), authority, NID_ext_key_usage, "serverAuth,clientAuth");
  add_extension(certificate.get(), authority, NID_authority_key_identifier, "keyid");
  if (const auto names = alternative_names(identity); !names.empty()) {
    add_extension(certificate.get(), authority, NID_subject_alt_name, names);
  }
  GEMEL_CHECK(X509_sign(certificate.get(), keys_->key.get(), EVP_sha256()) != 0);
  const TlsFiles files{ca_file_, folder_ / (identity.name + ".crt"), folder_ / (identity.name + ".key")};
  write_certificate(files.certificate, certificate.get());
  write_key(files.key, key.get());
  return files;
}

TlsFiles TestAuthority::issue_for_loopback(const std::string& name) {
  return issue(
      {.name = name, .dns = {"localhost"}, .addresses = {"127.0.0.1", "::1"}, .uris = {}, .is_expired = false});
}

TlsFiles TestAuthority::trust() const { return TlsFiles{ca_file_, {}, {}}; }

}  // namespace gemel::runtime
