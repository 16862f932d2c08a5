// TLS contexts and what can be read of a handshake, in terms of our own errors. Internal to runtime/.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <string>

#include "base/error.h"
#include "runtime/http.h"
#include "runtime/http_client.h"

namespace gemel::runtime {

enum class TlsRole { client, server };
enum class PeerCertificate { ignored, required };

/// Loads the files into a context. `denied`/`not_found` when a file cannot be read, `invalid` when it is not PEM or the
/// key does not belong to the certificate.
Result<std::shared_ptr<boost::asio::ssl::context>> load_tls_context(TlsFiles files, TlsRole role, PeerCertificate peer,
                                                                    bool only_tls13);

/// Makes a server with `context` show the certificate of `other` to who asks for a name that it carries, unless that is
/// `except`. `other` lives as long as any connection of `context`.
Status show_by_name(boost::asio::ssl::context& context, std::shared_ptr<boost::asio::ssl::context> other,
                    std::string except);

/// Makes the handshake check that the other end's certificate carries `name` (host name or IP literal).
Status expect_server_name(SSL* ssl, const std::string& name);

/// `denied` with OpenSSL's reason when a certificate was not accepted, by us or by the other end; else `unavailable`.
Error tls_error(SSL* ssl, const boost::system::error_code& error);

/// True when `error` is the other end's alert that our certificate is missing or not accepted.
bool is_certificate_alert(const boost::system::error_code& error);

/// Common name and URI names of the verified certificate into `peer`; leaves them empty without one.
void describe_certificate(SSL* ssl, Peer& peer);

struct TlsClientContext::Impl {
  std::shared_ptr<boost::asio::ssl::context> context;
};

}  // namespace gemel::runtime
