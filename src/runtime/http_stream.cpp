#include "runtime/http_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace gemel::runtime {

namespace asio = boost::asio;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

std::string address_text(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address);
    return asio::ip::address_v4(ntohl(ipv4.sin_addr.s_addr)).to_string();
  }
  if (address.ss_family != AF_INET6) return {};
  const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(address);
  asio::ip::address_v6::bytes_type bytes;
  std::copy_n(ipv6.sin6_addr.s6_addr, bytes.size(), bytes.begin());
  const asio::ip::address_v6 value(bytes);
  // A dual-stack socket shows IPv4 clients as ::ffff:a.b.c.d.
  return value.is_v4_mapped() ? asio::ip::make_address_v4(asio::ip::v4_mapped, value).to_string() : value.to_string();
}

}  // namespace

bool Stream::ReadResult::is_end() const {
  return error == asio::error::eof || error == asio::ssl::error::stream_truncated ||
         error == asio::error::connection_reset || error == asio::error::broken_pipe;
}

Task<Stream::ErrorValue> Stream::connect(Protocol::endpoint endpoint) {
  auto [error] = co_await socket_.async_connect(endpoint, as_result);
  if (!error) set_no_delay();
  co_return error;
}

SSL* Stream::prepare_tls(asio::ssl::context& context) {
  tls_.emplace(socket_, context);
  return tls_->native_handle();
}

Task<Stream::ErrorValue> Stream::handshake(TlsRole role) {
  const auto type = role == TlsRole::client ? asio::ssl::stream_base::client : asio::ssl::stream_base::server;
  auto [error] = co_await tls_->async_handshake(type, as_result);
  has_handshake_ = !error;
  co_return error;
}

Task<Stream::ReadResult> Stream::read_some(std::span<char> into) {
  const auto buffer = asio::buffer(into.data(), into.size());
  if (tls_) {
    auto [error, count] = co_await tls_->async_read_some(buffer, as_result);
    co_return ReadResult{error, count};
  }
  auto [error, count] = co_await socket_.async_read_some(buffer, as_result);
  co_return ReadResult{error, count};
}

Task<Stream::ErrorValue> Stream::write(std::string_view text) {
  const auto buffer = asio::buffer(text.data(), text.size());
  if (tls_) {
    auto [error, count] = co_await asio::async_write(*tls_, buffer, as_result);
    co_return error;
  }
  auto [error, count] = co_await asio::async_write(socket_, buffer, as_result);
  co_return error;
}

Task<void> Stream::finish() {
  if (tls_ && has_handshake_) co_await tls_->async_shutdown(as_result);
  if (!socket_.is_open()) co_return;
  ErrorValue ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  std::array<char, 4096> scratch;
  std::size_t discarded = 0;
  while (discarded < (1U << 20)) {
    auto [error, count] = co_await socket_.async_read_some(asio::buffer(scratch), as_result);
    if (error) break;
    discarded += count;
  }
}

void Stream::close() {
  ErrorValue ignored;
  socket_.close(ignored);
}

bool Stream::is_usable() {
  if (!socket_.is_open()) return false;
  pollfd entry{.fd = socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&entry, 1, 0) == 0;
}

void Stream::set_no_delay() {
  const int on = 1;
  // Fails on a local socket, which needs none.
  (void)setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Peer Stream::peer() {
  Peer result;
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getpeername(socket_.native_handle(), reinterpret_cast<sockaddr*>(&address), &length) == 0) {
    result.is_local_socket = address.ss_family == AF_UNIX;
    result.address = address_text(address);
  }
  if (SSL* ssl = tls()) describe_certificate(ssl, result);
  return result;
}

void Deadline::watch(const std::shared_ptr<Stream>& target) {
  target_ = target;
  if (is_expired_) target->close();
}

void Deadline::arm(Duration limit) {
  at_ = std::chrono::steady_clock::now() + limit;
  // A wait that ends earlier finds the later time and waits again: no system work for each re-arming.
  if (is_waiting_ && timer_.expiry() <= at_) return;
  ++generation_;
  timer_.expires_at(at_);
  wait();
}

void Deadline::disarm() {
  ++generation_;
  is_waiting_ = false;
  timer_.cancel();
}

void Deadline::wait() {
  is_waiting_ = true;
  timer_.async_wait([self = shared_from_this(), generation = generation_](const boost::system::error_code&) {
    if (generation != self->generation_) return;
    if (std::chrono::steady_clock::now() < self->at_) {
      self->timer_.expires_at(self->at_);
      self->wait();
      return;
    }
    self->is_waiting_ = false;
    self->is_expired_ = true;
    if (const auto target = self->target_.lock()) target->close();
  });
}

}  // namespace gemel::runtime
