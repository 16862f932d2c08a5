#include "runtime/http_listen.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace gemel::runtime {

namespace {

constexpr int backlog = 512;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  [[nodiscard]] int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

std::unexpected<Error> fail_with_conflict(int system_error, std::string message) {
  if (system_error == EADDRINUSE) return std::unexpected(Error{ErrorCode::conflict, std::move(message), system_error});
  return fail_errno(system_error, std::move(message));
}

bool somebody_listens(const sockaddr_un& address) {
  const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (probe.get() < 0) return false;
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN;
}

Status remove_stale(const std::filesystem::path& path, const sockaddr_un& address) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) return fail(ErrorCode::conflict, path.string() + " is not a socket");
  if (somebody_listens(address)) return fail(ErrorCode::conflict, "another process serves " + path.string());
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(errno, "cannot remove " + path.string());
  return {};
}

}  // namespace

Result<Listener> listen_on_port(const std::string& address, std::uint16_t port) {
  const std::string what = fmt::format("cannot listen on {} port {}", address, port);
  boost::system::error_code error;
  const auto parsed = boost::asio::ip::make_address(address, error);
  if (error) return fail(ErrorCode::invalid, what + ": not an IP address");
  boost::asio::ip::tcp::endpoint endpoint(parsed, port);
  const int family = endpoint.protocol().family();
  Descriptor listener(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (listener.get() < 0) {
    if (errno == EAFNOSUPPORT && address == "::") return listen_on_port("0.0.0.0", port);
    return fail_errno(errno, what);
  }
  const int on = 1, off = 0;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(listener.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
    if (errno == EADDRNOTAVAIL && address == "::") return listen_on_port("0.0.0.0", port);
    return fail_with_conflict(errno, what);
  }
  if (listen(listener.get(), backlog) != 0) return fail_with_conflict(errno, what);
  auto length = static_cast<socklen_t>(endpoint.capacity());
  if (getsockname(listener.get(), endpoint.data(), &length) != 0) return fail_errno(errno, what);
  return Listener{listener.release(), endpoint.port(), family};
}

Result<Listener> listen_on_local_socket(const std::filesystem::path& path) {
  const std::string what = "cannot listen on " + path.string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) return fail(ErrorCode::invalid, what + ": path is too long");
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  if (auto status = remove_stale(path, address); !status) return std::unexpected(status.error().with(what));
  Descriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (listener.get() < 0) return fail_errno(errno, what);
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail_with_conflict(errno, what);
  }
  // Nobody can connect before listen(), so the mode is right from the first connection on.
  if (chmod(path.c_str(), 0600) != 0) return fail_errno(errno, what);
  if (listen(listener.get(), backlog) != 0) return fail_with_conflict(errno, what);
  return Listener{listener.release(), 0, AF_UNIX};
}

}  // namespace gemel::runtime
