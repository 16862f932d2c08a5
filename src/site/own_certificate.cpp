// The looks at an operator's certificate, by OpenSSL. Each fault is a sentence with its way out; all of them are said.
#include "site/own_certificate.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "site/openssl_handle.h"
#include "site/pem.h"
#include "site/tree.h"

namespace gemel::site {
namespace {

using std::chrono::sys_seconds;

using openssl::begin_of;
using openssl::Bio;
using openssl::Certificate;
using openssl::Deleter;
using openssl::end_of;
using openssl::Key;
using openssl::Names;
using openssl::reader_of;
using openssl::text_of;
using Store = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;
using Chain = std::vector<Certificate>;

void free_stack(STACK_OF(X509) * stack) { sk_X509_free(stack); }
using Stack = std::unique_ptr<STACK_OF(X509), Deleter<free_stack>>;

constexpr int least_rsa_bits = 2048;  // as browsers ask for
constexpr int auth_level = 2;         // of OpenSSL: 112 bits; no SHA-1 in a signature, no RSA key below 2048

/// OpenSSL would ask the terminal for a pass phrase: nobody is asked, and that it wanted one is kept.
int note_encryption(char*, int, int, void* is_encrypted) {
  *static_cast<bool*>(is_encrypted) = true;
  return -1;
}

Key read_key(const std::string& text, bool& is_encrypted) {
  const auto bio = reader_of(text);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, note_encryption, &is_encrypted));
  ERR_clear_error();
  return key;
}

/// "CN = mgmt.example.org, O = Example"; control characters are escaped.
std::string name_of(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_ONELINE) < 0) return "?";
  return text_of(bio.get());
}
std::string subject_of(const X509* certificate) { return name_of(X509_get_subject_name(certificate)); }
std::string issuer_of(const X509* certificate) { return name_of(X509_get_issuer_name(certificate)); }

bool belongs(const X509* certificate, const EVP_PKEY* key) {
  const bool is_pair = X509_check_private_key(certificate, key) == 1;
  ERR_clear_error();
  return is_pair;
}

bool is_signed_by(X509* certificate, X509* issuer) {
  const bool is_signed =
      X509_check_issued(issuer, certificate) == X509_V_OK && X509_verify(certificate, X509_get0_pubkey(issuer)) == 1;
  ERR_clear_error();
  return is_signed;
}

bool is_self_signed(X509* certificate) {
  const bool is_it = X509_self_signed(certificate, 1) == 1;
  ERR_clear_error();
  return is_it;
}

/// The names it is for, as a certificate has them: "mgmt.example.org, *.example.org".
std::string dns_names_of(const X509* certificate) {
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> texts;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int kind = 0;
    const auto* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &kind);
    if (kind != GEN_DNS) continue;
    const auto* text = static_cast<const ASN1_STRING*>(value);
    std::string name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<std::size_t>(ASN1_STRING_length(text)));
    std::ranges::replace_if(name, [](unsigned char letter) { return letter < 0x21 || letter > 0x7e; }, '?');
    texts.push_back(std::move(name));
  }
  return join(texts, ", ");
}

/// Why browsers would not take the key, as the rest of "its key is …"; empty when they do.
std::string weakness_of(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    return bits >= least_rsa_bits ? std::string()
                                  : fmt::format("RSA of {} bits, at least {} are needed", bits, least_rsa_bits);
  }
  if (EVP_PKEY_is_a(key, "EC") != 1) return "of a kind that browsers do not take";
  static constexpr std::array<std::string_view, 3> curves{"prime256v1", "secp384r1", "secp521r1"};
  std::array<char, 64> name{};
  std::size_t size = 0;
  const bool is_named = EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) == 1;
  ERR_clear_error();
  if (is_named && std::ranges::count(curves, std::string_view(name.data(), size)) != 0) return {};
  return fmt::format("on the elliptic curve {}, which browsers do not take",
                     is_named ? name.data() : "of an unknown name");
}

/// Looks at one pair; a look that needs what an earlier one missed is left out.
class Examiner {
 public:
  Examiner(const OwnCertificateTexts& texts, const OwnCertificateFiles& files, const std::string& dns_name,
           sys_seconds now)
      : texts_(texts), files_(files), dns_name_(dns_name), now_(now) {}

  ExaminedCertificate examine();

 private:
  void add(const std::filesystem::path& file, const std::string& sentence) {
    faults_.push_back(file.string() + ": " + sentence);
  }
  bool read_certificates();
  bool examine_key();
  void examine_times();
  void examine_names();
  void examine_strength();
  void examine_order();
  void examine_end();
  void examine_step(std::size_t number);
  void verify(X509_STORE* store);
  [[nodiscard]] const std::filesystem::path& authority_file() const {
    return files_.authority.empty() ? files_.certificate : files_.authority;
  }

  const OwnCertificateTexts& texts_;
  const OwnCertificateFiles& files_;
  const std::string& dns_name_;
  sys_seconds now_;
  Chain chain_;
  Chain trusted_;
  Key key_;
  std::vector<std::string> faults_;
};

bool Examiner::read_certificates() {
  const auto read = [&](const std::string& text, const std::filesystem::path& file) {
    auto chain = openssl::read_certificates(text);
    const auto wanted = openssl::claimed_certificates(text);
    if (chain.empty() && wanted == 0) {
      add(file,
          "it holds no certificate in PEM form; \"openssl x509 -inform DER\" or \"openssl pkcs12 -nokeys\" makes one "
          "of other forms");
    } else if (chain.size() != wanted) {
      add(file, fmt::format("certificate {} in it is damaged; copy the file anew", chain.size() + 1));
    }
    return chain;
  };
  chain_ = read(texts_.certificate, files_.certificate);
  if (!texts_.authority.empty() || !files_.authority.empty()) trusted_ = read(texts_.authority, files_.authority);
  return faults_.empty();
}

/// False when another certificate than the key's is first: then every further look would be at the wrong one.
bool Examiner::examine_key() {
  bool is_encrypted = false;
  key_ = read_key(texts_.key, is_encrypted);
  if (is_encrypted) {
    add(files_.key,
        "the key is encrypted, and nobody is there to type its pass phrase when a host starts; \"openssl pkey -in OLD "
        "-out NEW\" takes it off");
    return true;
  }
  if (!key_) {
    add(files_.key, "it holds no private key in PEM form that can be read; name the file with the certificate's key");
    return true;
  }
  const auto owner = std::ranges::find_if(chain_, [&](const auto& each) { return belongs(each.get(), key_.get()); });
  if (owner == chain_.end()) {
    add(files_.key,
        fmt::format("the key does not belong to the certificate in {} ({}); name the pair that was made together",
                    files_.certificate.string(), subject_of(chain_.front().get())));
    return true;
  }
  if (owner == chain_.begin()) return true;
  add(files_.certificate,
      fmt::format(
          "the chain is not in order: the key belongs to certificate {} in it; put that one first, then the one "
          "that signed it, and so on",
          owner - chain_.begin() + 1));
  return false;
}

void Examiner::examine_times() {
  for (std::size_t i = 0; i < chain_.size(); ++i) {
    const auto* certificate = chain_[i].get();
    const auto which = i == 0 ? std::string("the certificate") : "its chain's " + subject_of(certificate);
    if (end_of(certificate) < now_) {
      add(files_.certificate,
          fmt::format("{} has expired ({}); put a renewed one there", which, date_of(end_of(certificate))));
    } else if (begin_of(certificate) > now_) {
      add(files_.certificate,
          fmt::format("{} is not valid yet, but from {}; wait until then, or set this host's clock if it is behind",
                      which, date_of(begin_of(certificate))));
    }
  }
}

void Examiner::examine_names() {
  auto* certificate = chain_.front().get();
  const unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
  if (X509_check_host(certificate, dns_name_.data(), dns_name_.size(), flags, nullptr) != 1) {
    const auto names = dns_names_of(certificate);
    add(files_.certificate,
        fmt::format(
            "the certificate is for {}, not for {}; have one made for that name, or correct dns_name in the site "
            "file",
            names.empty() ? "no DNS name at all (browsers do not heed the common name)" : names, dns_name_));
  }
  // 1: it may; others allow what a server's certificate has no use for.
  if (X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0) != 1) {
    add(files_.certificate,
        "the certificate is not meant for servers (extended key usage); have one made for TLS web "
        "servers");
  }
}

void Examiner::examine_strength() {
  const auto weakness = weakness_of(X509_get0_pubkey(chain_.front().get()));
  if (weakness.empty()) return;
  add(files_.certificate,
      fmt::format("its key is {}; have one made with ECDSA P-256 or RSA {}", weakness, least_rsa_bits));
}

/// From one certificate of the chain to the next.
void Examiner::examine_step(std::size_t number) {
  auto* certificate = chain_[number].get();
  auto* next = chain_[number + 1].get();
  if (is_signed_by(certificate, next)) return;
  const auto subject = subject_of(certificate);
  if (is_self_signed(certificate)) {
    add(files_.certificate,
        fmt::format("after {}, which signed itself, the chain is at its end, but {} follows; take that "
                    "out",
                    subject, subject_of(next)));
    return;
  }
  const bool is_elsewhere = std::ranges::any_of(chain_, [&](const Certificate& other) {
    return other.get() != certificate && is_signed_by(certificate, other.get());
  });
  if (is_elsewhere) {
    add(files_.certificate,
        fmt::format("the chain is not in order: after {} comes {}, but {} signed it; put each after the one it signed",
                    subject, subject_of(next), issuer_of(certificate)));
  } else {
    add(files_.certificate,
        fmt::format("the chain is not complete: {} was signed by {}, which is not in it; put that one "
                    "after it",
                    subject, issuer_of(certificate)));
  }
}

void Examiner::examine_order() {
  const auto before = faults_.size();
  for (std::size_t i = 0; i + 1 < chain_.size() && faults_.size() == before; ++i) examine_step(i);
}

/// The whole as a client looks at it, with the root that it would trust. Pre: everything before was sound.
void Examiner::verify(X509_STORE* store) {
  const Stack others(sk_X509_new_null());
  for (std::size_t i = 1; i < chain_.size(); ++i) sk_X509_push(others.get(), chain_[i].get());
  const StoreContext context(X509_STORE_CTX_new());
  if (!context || X509_STORE_CTX_init(context.get(), store, chain_.front().get(), others.get()) != 1) {
    add(files_.certificate, "it cannot be verified here; is there memory left?");
    return;
  }
  auto* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_auth_level(parameters, auth_level);
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_time(parameters, now_.time_since_epoch().count());
  const bool is_good = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  if (is_good) return;
  const int reason = X509_STORE_CTX_get_error(context.get());
  const auto& last = chain_.back();
  if (reason == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || reason == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
      reason == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE || reason == X509_V_ERR_CERT_SIGNATURE_FAILURE) {
    add(authority_file(),
        files_.authority.empty()
            ? fmt::format("the chain is not complete: {} was signed by {}, which is neither in it nor trusted by this "
                          "system; put that one after it, or name its file as \"authority\"",
                          subject_of(last.get()), issuer_of(last.get()))
            : fmt::format(
                  "the authority in it did not sign the chain of {}, whose end {} was signed by {}; put what is "
                  "missing into the chain, or name that authority's file",
                  files_.certificate.string(), subject_of(last.get()), issuer_of(last.get())));
    return;
  }
  const auto* at = X509_STORE_CTX_get_current_cert(context.get());
  add(files_.certificate, fmt::format("clients would not accept {}: {}; have it made anew",
                                      at == nullptr ? "it" : subject_of(at), X509_verify_cert_error_string(reason)));
}

void Examiner::examine_end() {
  const Store store(X509_STORE_new());
  if (!store) return;
  auto* last = chain_.back().get();
  if (!trusted_.empty()) {
    for (const auto& authority : trusted_) X509_STORE_add_cert(store.get(), authority.get());
  } else if (is_self_signed(last)) {
    X509_STORE_add_cert(store.get(), last);
  } else {
    X509_STORE_set_default_paths(store.get());
  }
  ERR_clear_error();
  verify(store.get());
}

/// Only what was understood goes to the hosts: no comments, and never a key in the file that others may read.
KeyPair normalized(const Chain& chain, EVP_PKEY* key) {
  const Bio secret(BIO_new(BIO_s_secmem()));
  PEM_write_bio_PKCS8PrivateKey(secret.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return {openssl::to_pem(chain), text_of(secret.get())};
}

ExaminedCertificate Examiner::examine() {
  if (read_certificates() && examine_key()) {
    examine_times();
    examine_names();
    examine_strength();
    examine_order();
    if (faults_.empty()) examine_end();
  }
  ExaminedCertificate result;
  result.faults = std::move(faults_);
  if (!result.faults.empty()) return result;
  result.certificate.pair = normalized(chain_, key_.get());
  result.certificate.ends = end_of(chain_.front().get());
  for (const auto& each : chain_) result.certificate.ends = std::min(result.certificate.ends, end_of(each.get()));
  return result;
}

/// nullopt, with a fault, when the file cannot be read.
std::optional<std::string> read_named(const std::filesystem::path& file, std::vector<std::string>& faults) {
  struct stat facts{};
  if (::stat(file.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode)) {
    faults.push_back(file.string() + ": that is no file; name one under [certificates]");
    return std::nullopt;
  }
  auto text = read_if_there(file);
  if (!text) {
    faults.push_back(fmt::format("{}; let this user read it", text.error().to_string()));
    return std::nullopt;
  }
  if (!text->has_value())
    faults.push_back(file.string() + ": there is no such file; correct its path under [certificates] in the site file");
  return *std::move(text);
}

bool is_open_to_all(const std::filesystem::path& file) {
  struct stat facts{};
  return ::stat(file.c_str(), &facts) == 0 && (facts.st_mode & S_IROTH) != 0;
}

}  // namespace

std::string date_of(sys_seconds time) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                     static_cast<unsigned>(day.day()));
}

ExaminedCertificate examine_own_certificate(const OwnCertificateTexts& texts, const OwnCertificateFiles& files,
                                            const std::string& dns_name, sys_seconds now) {
  return Examiner(texts, files, dns_name, now).examine();
}

Result<OwnCertificate> read_own_certificate(const OwnCertificateFiles& files, const std::string& dns_name,
                                            sys_seconds now) {
  std::vector<std::string> faults;
  const auto certificate = read_named(files.certificate, faults);
  const auto key = read_named(files.key, faults);
  const auto authority = files.authority.empty() ? std::optional(std::string()) : read_named(files.authority, faults);
  OwnCertificate own;
  if (certificate && key && authority) {
    auto examined = examine_own_certificate({*certificate, *key, *authority}, files, dns_name, now);
    faults = std::move(examined.faults);
    own = std::move(examined.certificate);
    own.is_key_open_to_all = is_open_to_all(files.key);
  }
  if (faults.empty()) return own;
  return fail(ErrorCode::refused,
              fmt::format("the certificate of [certificates] cannot be used; mend this, or take the section out of the "
                          "site file, so that the site's own authority makes one:\n  {}\nnothing was changed",
                          join(faults, "\n  ")));
}

std::vector<Problem> findings_of(const OwnCertificate& certificate, const Site& site, sys_seconds now) {
  std::vector<Problem> findings;
  if (!site.own_certificate) return findings;
  const auto left = std::chrono::floor<std::chrono::days>(certificate.ends - now);
  for (const auto& host : site.hosts) {
    if (!host.concepts.manager && !host.concepts.balancer) continue;
    if (left < own_certificate_renewal) {
      findings.push_back(
          {ProblemCode::certificate_ends, host.name, false,
           fmt::format("the certificate {} ends in {} days, on {}", site.own_certificate->certificate.string(),
                       left.count(), date_of(certificate.ends)),
           "browsers and orchestrators refuse it from then on",
           "put a renewed one into its place and run \"gemel apply\""});
    }
    if (certificate.is_key_open_to_all) {
      findings.push_back({ProblemCode::key_open, host.name, false,
                          fmt::format("everybody here can read the key {}", site.own_certificate->key.string()),
                          "who has it can pass for the managers", "chmod 600"});
    }
  }
  return findings;
}

}  // namespace gemel::site
