// Listening sockets as plain descriptors: a TCP port or a Unix socket. Internal to runtime/http_server.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/error.h"

namespace gemel::runtime {

struct Listener {
  int descriptor = -1;  // non-blocking, close-on-exec; the receiver owns it
  std::uint16_t port = 0;
  int family = 0;
};

/// `address` is an IP literal; "::" listens on IPv4 too, and falls back to it where IPv6 is off. `conflict`: taken.
Result<Listener> listen_on_port(const std::string& address, std::uint16_t port);

/// Mode 0600. Replaces a socket that nobody answers at; `conflict` when a live server or another kind of file is there.
Result<Listener> listen_on_local_socket(const std::filesystem::path& path);

}  // namespace gemel::runtime
