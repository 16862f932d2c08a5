// One connected socket, plain or TLS, behind one interface, and the deadline that closes it. Internal to
// runtime/http_*.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "runtime/http.h"
#include "runtime/task_scope.h"
#include "runtime/tls.h"

namespace gemel::runtime {

/// Held by shared_ptr; whoever waits in one of its operations holds a reference. No operation throws but for
/// cancellation; close() from outside ends a waiting one with operation_aborted.
class Stream {
 public:
  using Protocol = boost::asio::generic::stream_protocol;
  using ErrorValue = boost::system::error_code;
  struct ReadResult {
    ErrorValue error;
    std::size_t count = 0;
    [[nodiscard]] bool is_end() const;  // orderly or not, the other end is gone
  };

  explicit Stream(boost::asio::any_io_executor executor) : socket_(std::move(executor)) {}
  explicit Stream(Protocol::socket socket) : socket_(std::move(socket)) {}

  Task<ErrorValue> connect(Protocol::endpoint endpoint);
  /// Puts TLS on top; call before handshake().
  SSL* prepare_tls(boost::asio::ssl::context& context);
  Task<ErrorValue> handshake(TlsRole role);
  Task<ReadResult> read_some(std::span<char> into);
  /// Writes all. The caller keeps `text` alive.
  Task<ErrorValue> write(std::string_view text);
  /// Tells the other end that nothing more comes and discards what it still sends, so that it can read our last answer
  /// before a reset. Bounded only by the caller's deadline.
  Task<void> finish();
  void close();
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  /// Open, and the other end has not closed its half.
  [[nodiscard]] bool is_usable();
  [[nodiscard]] SSL* tls() { return tls_ ? tls_->native_handle() : nullptr; }
  void set_no_delay();
  [[nodiscard]] Peer peer();

 private:
  Protocol::socket socket_;
  std::optional<boost::asio::ssl::stream<Protocol::socket&>> tls_;
  bool has_handshake_ = false;
};

/// Closes a stream when time is up. Held by shared_ptr; disarm() it when the work ended.
class Deadline : public std::enable_shared_from_this<Deadline> {
 public:
  explicit Deadline(boost::asio::any_io_executor executor) : timer_(std::move(executor)) {}
  /// From now on `target` is closed when the time is up; at once when it is already.
  void watch(const std::shared_ptr<Stream>& target);
  void arm(Duration limit);
  void disarm();
  [[nodiscard]] bool is_expired() const { return is_expired_; }
  [[nodiscard]] Duration left() const { return at_ - std::chrono::steady_clock::now(); }

 private:
  void wait();
  boost::asio::steady_timer timer_;
  std::weak_ptr<Stream> target_;
  std::chrono::steady_clock::time_point at_{};
  bool is_waiting_ = false;
  bool is_expired_ = false;
  unsigned generation_ = 0;  // a callback of an older one is stale
};

}  // namespace gemel::runtime
