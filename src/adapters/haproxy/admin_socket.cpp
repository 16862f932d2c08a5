#include "adapters/haproxy/admin_socket.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <memory>

namespace gemel::adapters::haproxy {
namespace {

namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t largest_answer = 4U << 20;  // bytes
constexpr std::size_t longest_path = 107;         // sockaddr_un without its zero

/// The socket, and the timer that closes it. The timer's handler holds a reference, so it never meets a dead socket.
struct Connection : std::enable_shared_from_this<Connection> {
  explicit Connection(const asio::any_io_executor& executor) : socket(executor), timer(executor) {}

  void close_after(Duration limit) {
    timer.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(limit));
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error) return;
      self->is_late = true;
      boost::system::error_code ignored;
      self->socket.close(ignored);
    });
  }

  Protocol::socket socket;
  asio::steady_timer timer;
  bool is_late = false;
};

/// Ends the timer on every way out, also when cancellation unwinds the caller.
struct Disarm {
  explicit Disarm(std::shared_ptr<Connection> held) : connection(std::move(held)) {}
  Disarm(const Disarm&) = delete;
  Disarm& operator=(const Disarm&) = delete;
  ~Disarm() { connection->timer.cancel(); }
  std::shared_ptr<Connection> connection;
};

}  // namespace

runtime::Task<Result<std::string>> ask_admin_socket(asio::any_io_executor executor, std::filesystem::path socket,
                                                    std::string command, Duration limit) {
  const auto is_control = [](char letter) { return static_cast<unsigned char>(letter) < 0x20; };
  // A semicolon would begin a second command, a line feed too.
  if (command.empty() || command.contains(';') || std::any_of(command.begin(), command.end(), is_control)) {
    co_return fail(ErrorCode::invalid, "not one command for the balancer");
  }
  if (socket.string().size() > longest_path)
    co_return fail(ErrorCode::invalid, socket.string() + ": too long for a socket");
  const auto connection = std::make_shared<Connection>(executor);
  const Disarm disarm(connection);
  connection->close_after(limit);
  auto [connect_error] = co_await connection->socket.async_connect(Protocol::endpoint(socket.string()), as_result);
  if (connect_error) co_return fail(ErrorCode::unavailable, socket.string() + ": " + connect_error.message());
  command += '\n';
  auto [write_error, written] = co_await asio::async_write(connection->socket, asio::buffer(command), as_result);
  if (write_error) co_return fail(ErrorCode::timed_out, socket.string() + ": " + write_error.message());
  std::string answer;
  std::array<char, 8192> part{};
  while (answer.size() < largest_answer) {
    auto [error, size] = co_await connection->socket.async_read_some(asio::buffer(part), as_result);
    answer.append(part.data(), size);
    if (error == asio::error::eof && !connection->is_late) co_return answer;
    if (error) co_return fail(ErrorCode::timed_out, socket.string() + ": no answer in time");
  }
  co_return fail(ErrorCode::corrupt, socket.string() + ": the answer has no end");
}

}  // namespace gemel::adapters::haproxy
