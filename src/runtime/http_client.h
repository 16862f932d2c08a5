// HTTP/1.1 client over TLS (or a local socket) with a kept connection and a deadline per call.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "runtime/http.h"
#include "runtime/task_scope.h"

namespace gemel::runtime {

/// Files of a TLS identity; empty paths: none. `ca` is required to verify the other end.
struct TlsFiles {
  std::filesystem::path ca = {};
  std::filesystem::path certificate = {};
  std::filesystem::path key = {};
};

/// A client-side TLS context shared by many clients; immutable after loading. TLS 1.3 when `only_tls13`, else 1.2+.
class TlsClientContext {
 public:
  static Result<std::shared_ptr<TlsClientContext>> load(const TlsFiles& files, bool only_tls13 = true);
  struct Impl;
  explicit TlsClientContext(std::unique_ptr<Impl> impl);
  ~TlsClientContext();
  [[nodiscard]] Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

struct Endpoint {
  std::string address = {};  // IP literal or host name; ignored for a local socket
  std::uint16_t port = 0;
  std::string server_name = {};             // name or IP the certificate must carry; empty: `address`
  std::filesystem::path local_socket = {};  // not empty: plain HTTP over this Unix socket
  bool is_plain = false;                    // HTTP without TLS, for what exists only so: a cloud's metadata service
};

/// One kept connection to one endpoint; calls are serialised. Loop thread only. Reconnects by itself: a kept
/// connection that turns out closed before any byte of the answer came is retried once, but only when the request is
/// GET or HEAD, or nothing of it was written.
///
/// Errors of call(): `unavailable` = certainly not executed (no connection, TLS refused); `timed_out` = the deadline
/// passed or the connection broke after sending, so the effect is UNKNOWN; `denied` = certificate not accepted.
class HttpClient {
 public:
  HttpClient(boost::asio::any_io_executor executor, Endpoint endpoint, std::shared_ptr<TlsClientContext> tls);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  Task<Result<HttpResponse>> call(HttpRequest request, Duration limit);
  /// Sends the request on a connection of its own and hands every piece of the body to `on_data` as it arrives, until
  /// the server ends, `on_data` returns false, nothing came for `idle_limit`, or cancellation.
  Task<Status> stream(HttpRequest request, std::function<bool(std::string_view)> on_data, Duration idle_limit);
  void close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace gemel::runtime
