#include "runtime/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cerrno>
#include <utility>

namespace gemel::runtime {

namespace asio = boost::asio;

namespace {

Status readable(const std::filesystem::path& path) {
  if (access(path.c_str(), R_OK) != 0) return fail_errno(errno, "cannot read " + path.string());
  return {};
}

Status load_identity(asio::ssl::context& context, const TlsFiles& files) {
  boost::system::error_code error;
  if (!files.certificate.empty()) {
    if (auto status = readable(files.certificate); !status) return status;
    if (auto status = readable(files.key); !status) return status;
    context.use_certificate_chain_file(files.certificate.string(), error);
    if (error) return fail(ErrorCode::invalid, files.certificate.string() + ": " + error.message());
    context.use_private_key_file(files.key.string(), asio::ssl::context::pem, error);
    if (error) return fail(ErrorCode::invalid, files.key.string() + ": " + error.message());
  }
  if (!files.ca.empty()) {
    if (auto status = readable(files.ca); !status) return status;
    context.load_verify_file(files.ca.string(), error);
    if (error) return fail(ErrorCode::invalid, files.ca.string() + ": " + error.message());
  }
  return {};
}

void restrict(SSL_CTX* context, TlsRole role, bool only_tls13) {
  SSL_CTX_set_min_proto_version(context, only_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // 34 KiB less for each idle connection
  // Resumed sessions would skip the check of a client certificate that has expired or changed since.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (role == TlsRole::server) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_num_tickets(context, 0);
  }
}

/// What a context knows of its other one. The context owns it: a connection outlives the server's own hold on both.
struct OtherContext {
  std::shared_ptr<asio::ssl::context> context;
  std::string except;
};

void free_other(void*, void* other, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<OtherContext*>(other); }

int other_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_other);
  return index;
}

/// OpenSSL asks while it reads the client's first message. The name is a stranger's text.
int choose_certificate(SSL* ssl, int*, void*) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const auto* other = static_cast<OtherContext*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), other_index()));
  if (name == nullptr || other == nullptr || ::strcasecmp(name, other->except.c_str()) == 0) return SSL_TLSEXT_ERR_OK;
  SSL_CTX* context = other->context->native_handle();
  const unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
  if (X509_check_host(SSL_CTX_get0_certificate(context), name, 0, flags, nullptr) == 1) SSL_set_SSL_CTX(ssl, context);
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Status show_by_name(asio::ssl::context& context, std::shared_ptr<asio::ssl::context> other, std::string except) {
  auto held = std::make_unique<OtherContext>(std::move(other), std::move(except));
  if (SSL_CTX_set_ex_data(context.native_handle(), other_index(), held.get()) != 1)
    return fail(ErrorCode::unavailable, "TLS context: no place for a second certificate");
  static_cast<void>(held.release());  // the context's now, see free_other()
  SSL_CTX_set_tlsext_servername_callback(context.native_handle(), &choose_certificate);
  return {};
}

Result<std::shared_ptr<asio::ssl::context>> load_tls_context(TlsFiles files, TlsRole role, PeerCertificate peer,
                                                             bool only_tls13) {
  try {
    const auto method = role == TlsRole::server ? asio::ssl::context::tls_server : asio::ssl::context::tls_client;
    auto context = std::make_shared<asio::ssl::context>(method);
    restrict(context->native_handle(), role, only_tls13);
    if (auto status = load_identity(*context, files); !status) return std::unexpected(status.error());
    if (peer == PeerCertificate::required) {
      if (files.ca.empty()) return fail(ErrorCode::invalid, "no CA to verify the other end with");
      context->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
      if (role == TlsRole::server) {
        SSL_CTX_set_client_CA_list(context->native_handle(), SSL_load_client_CA_file(files.ca.c_str()));
      }
    }
    return context;
  } catch (const std::exception& error) {
    return fail(ErrorCode::unavailable, std::string("TLS context: ") + error.what());
  }
}

Result<std::shared_ptr<TlsClientContext>> TlsClientContext::load(const TlsFiles& files, bool only_tls13) {
  auto context = load_tls_context(files, TlsRole::client, PeerCertificate::required, only_tls13);
  if (!context) return std::unexpected(context.error());
  return std::make_shared<TlsClientContext>(std::make_unique<Impl>(Impl{std::move(*context)}));
}

TlsClientContext::TlsClientContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsClientContext::~TlsClientContext() = default;

Status expect_server_name(SSL* ssl, const std::string& name) {
  X509_VERIFY_PARAM* checks = SSL_get0_param(ssl);
  boost::system::error_code not_an_address;
  asio::ip::make_address(name, not_an_address);
  bool is_set = false;
  if (!not_an_address) {
    is_set = X509_VERIFY_PARAM_set1_ip_asc(checks, name.c_str()) == 1;
  } else {
    X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    is_set = X509_VERIFY_PARAM_set1_host(checks, name.c_str(), name.size()) == 1 &&
             SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
  }
  if (!is_set) return fail(ErrorCode::invalid, "not a server name: " + name);
  return {};
}

bool is_certificate_alert(const boost::system::error_code& error) {
  static constexpr std::array reasons = {
      SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
      SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,   SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
      SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,   SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
      SSL_R_SSLV3_ALERT_NO_CERTIFICATE,        SSL_R_TLSV1_ALERT_UNKNOWN_CA,
      SSL_R_TLSV1_ALERT_ACCESS_DENIED,         SSL_R_TLSV1_ALERT_DECRYPT_ERROR,
      SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,     SSL_R_CERTIFICATE_VERIFY_FAILED,
      SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE};
  if (error.category() != asio::error::get_ssl_category()) return false;
  const int reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
  return std::ranges::find(reasons, reason) != reasons.end();
}

Error tls_error(SSL* ssl, const boost::system::error_code& error) {
  const long verdict = SSL_get_verify_result(ssl);
  if (verdict != X509_V_OK) {
    return Error{ErrorCode::denied, std::string("certificate not accepted: ") + X509_verify_cert_error_string(verdict),
                 0};
  }
  if (is_certificate_alert(error)) return Error{ErrorCode::denied, "certificate not accepted: " + error.message(), 0};
  return Error{ErrorCode::unavailable, "TLS: " + error.message(), 0};
}

void describe_certificate(SSL* ssl, Peer& peer) {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl), &X509_free);
  if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK) return;
  char name[256];
  const int length =
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof name);
  if (length > 0) peer.common_name.assign(name, static_cast<std::size_t>(length));
  auto* names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr));
  for (int index = 0; index < sk_GENERAL_NAME_num(names); ++index) {
    const GENERAL_NAME* entry = sk_GENERAL_NAME_value(names, index);
    if (entry->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = entry->d.uniformResourceIdentifier;
    peer.uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                           static_cast<std::size_t>(ASN1_STRING_length(uri)));
  }
  GENERAL_NAMES_free(names);
}

}  // namespace gemel::runtime
