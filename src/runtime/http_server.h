// HTTP/1.1 server: TLS with or without client certificates, or a local socket. Bounded in every direction: header and
// body size, idle and request time, number of connections.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "runtime/http.h"
#include "runtime/http_client.h"
#include "runtime/task_scope.h"

namespace gemel::runtime {

enum class ClientCertificates { none, required };

/// A further certificate of a server: shown to a client that asks for a name which it carries (RFC 6066), unless that
/// is `except`. Letters' cases do not matter.
struct NamedCertificate {
  TlsFiles files;  // `ca` is not used
  std::string except;
};

struct HttpServerOptions {
  std::string address = "::";               // bind address (dual stack for "::"); ignored for a local socket
  std::uint16_t port = 0;                   // 0: any free port
  std::filesystem::path local_socket = {};  // not empty: plain HTTP on this Unix socket, mode 0600, replaced if stale
  TlsFiles tls = {};                        // `ca` verifies clients when required
  std::optional<NamedCertificate> named = {};
  ClientCertificates client_certificates = ClientCertificates::none;
  bool only_tls13 = false;
  std::size_t max_connections = 1000;
  std::size_t max_body = 1U << 20;  // bytes
  Duration idle_limit = std::chrono::seconds(60);
  Duration request_limit = std::chrono::seconds(10);  // TLS handshake, and reading one request
};

/// Answers one request. Runs on the loop; may suspend. An exception becomes 500 and is logged.
using HttpHandler = std::function<Task<HttpResponse>(HttpRequest, Peer)>;

/// Loop thread only. What the handler refers to must live until stop() returned. Garbage on the port costs one
/// connection, nothing else: what is not HTTP gets 400 and is closed. At `max_connections` the longest idle connection
/// makes room for a new one. Clients of a TLS server without an accepted certificate never reach the handler.
class HttpServer {
 public:
  /// `invalid`: address, TLS files; `conflict`: a live server owns the local socket, or the port is taken; `not_found`:
  /// the folder of the local socket.
  static Result<std::unique_ptr<HttpServer>> start(boost::asio::any_io_executor executor, HttpServerOptions options,
                                                   HttpHandler handler);
  ~HttpServer();
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::size_t connections() const;
  /// New connections use these files from now on, and `named` is read anew; open ones stay. On failure the old ones
  /// stay in use. Blocks briefly.
  Status reload_tls(TlsFiles files);
  /// Stops accepting, lets requests in flight end within `limit`, closes the rest and cancels their handlers. While
  /// draining, answers carry "Connection: close".
  Task<void> stop(Duration limit);

 private:
  struct State;
  explicit HttpServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace gemel::runtime
