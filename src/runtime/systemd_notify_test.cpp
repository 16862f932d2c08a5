#include "runtime/systemd_notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace gemel::runtime {
namespace {

/// A datagram socket in the abstract name space, as systemd may use one.
class Receiver {
 public:
  Receiver() : descriptor_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    name_ = "@gemel-notify-test-" + std::to_string(getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    EXPECT_EQ(bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), length), 0);
  }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  ~Receiver() { close(descriptor_); }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string receive() const {
    char text[256];
    const ssize_t count = recv(descriptor_, text, sizeof text, 0);
    return count < 0 ? "" : std::string(text, static_cast<std::size_t>(count));
  }

 private:
  int descriptor_;
  std::string name_;
};

TEST(SystemdNotify, sends_one_datagram) {
  const Receiver receiver;
  setenv("NOTIFY_SOCKET", receiver.name().c_str(), 1);
  notify_systemd("READY=1\nSTATUS=up");
  EXPECT_EQ(receiver.receive(), "READY=1\nSTATUS=up");
  unsetenv("NOTIFY_SOCKET");
  notify_systemd("WATCHDOG=1");
  EXPECT_EQ(receiver.receive(), "");
}

TEST(SystemdNotify, bad_sockets_are_ignored) {
  for (const char* path : {"", "x", "relative", "/no/such/socket"}) {
    setenv("NOTIFY_SOCKET", path, 1);
    notify_systemd("READY=1");
  }
  setenv("NOTIFY_SOCKET", ("/" + std::string(200, 'x')).c_str(), 1);
  notify_systemd("READY=1");
  unsetenv("NOTIFY_SOCKET");
}

TEST(SystemdNotify, reads_the_watchdog_of_this_process_only) {
  unsetenv("WATCHDOG_USEC");
  EXPECT_EQ(watchdog_interval(), std::nullopt);
  setenv("WATCHDOG_USEC", "3000000", 1);
  EXPECT_EQ(watchdog_interval(), Duration(std::chrono::seconds(3)));
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_interval(), Duration(std::chrono::seconds(3)));
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(watchdog_interval(), std::nullopt);
  unsetenv("WATCHDOG_PID");
  setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_EQ(watchdog_interval(), std::nullopt);
  unsetenv("WATCHDOG_USEC");
}

}  // namespace
}  // namespace gemel::runtime
