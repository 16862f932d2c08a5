// The two kernel interfaces the keeper needs: addresses by rtnetlink, raw frames by a packet socket. No policy here.
#pragma once

#include <libmnl/libmnl.h>

#include <memory>
#include <optional>
#include <span>

#include "adapters/address/frames.h"

namespace gemel::adapters::address {

/// A network interface as it is now.
struct Interface {
  int index = 0;
  Mac mac{};
  bool has_neighbours = false;  // false for loopback and other links without Ethernet addresses: nothing to announce
};

/// rtnetlink socket of the namespace its thread was in when it was opened. Loop thread only; answers come at once.
class RouteSocket {
 public:
  static Result<RouteSocket> open();
  /// `not_found` when there is none of this name.
  Result<Interface> find_interface(const std::string& name);
  /// Adds without the kernel's own duplicate detection and without a prefix route; success when it is there already.
  Status add(const Ip& ip, std::uint8_t prefix, int interface);
  /// Success when it was not there.
  Status remove(const Ip& ip, std::uint8_t prefix, int interface);
  Result<bool> has(const Ip& ip, int interface);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  explicit RouteSocket(mnl_socket* socket) : socket_(socket) {}
  Status change(std::uint16_t type, std::uint16_t flags, const Ip& ip, std::uint8_t prefix, int interface);
  Status run(nlmsghdr* request, int (*visit)(const nlmsghdr*, void*), void* context);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 0;
  int query_socket_ = -1;

 public:
  RouteSocket(RouteSocket&& other) noexcept
      : socket_(std::move(other.socket_)),
        sequence_(other.sequence_),
        query_socket_(std::exchange(other.query_socket_, -1)) {}
  RouteSocket& operator=(RouteSocket&&) = delete;
  ~RouteSocket();
};

/// A packet socket for ARP (IPv4) or neighbour discovery (IPv6) on one interface; the descriptor is the caller's.
/// IPv6: a filter in the kernel lets only solicitations and advertisements through.
Result<int> open_frame_socket(const Ip& ip, int interface);
Status send_frame(int socket, std::span<const std::uint8_t> frame);
/// The next frame that is waiting, or nothing.
std::optional<Frame> receive_frame(int socket);

}  // namespace gemel::adapters::address
