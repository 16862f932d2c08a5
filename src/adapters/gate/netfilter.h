// Transport to the kernel's nftables: a batch of messages that takes effect as a whole, and the socket that sends it.
// What the messages say is in rules.cpp.
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"

namespace gemel::adapters::gate {

/// Messages of one transaction. Value.
class Batch {
 public:
  Batch();
  /// Appends a message; `build` writes its attributes. Throws nothing, aborts when the batch outgrows its bound.
  void add(std::uint16_t type, std::uint16_t family, std::uint16_t flags, const std::function<void(nlmsghdr*)>& build);
  /// Closes the batch and asks the kernel to acknowledge it. Call once.
  const std::vector<char>& finish();

 private:
  void put_frame(std::uint16_t type);

  std::vector<char> bytes_;
  std::size_t last_ = 0;  // offset of the last message that was added
  std::uint32_t sequence_ = 0;
};

/// A netlink socket of the namespace its thread was in when it was opened. Loop thread only.
class NetfilterSocket {
 public:
  /// For transactions and queries; with `events`, for the notifications of everybody's changes instead.
  static Result<NetfilterSocket> open(bool events);
  /// Of the notifications to come, the kernel leaves out those of what the socket with this port changed.
  Status ignore(std::uint32_t port);

  [[nodiscard]] std::uint32_t port() const { return mnl_socket_get_portid(socket_.get()); }
  [[nodiscard]] int descriptor() const { return mnl_socket_get_fd(socket_.get()); }
  /// Sends the batch; netlink handles it before sending returns. All or nothing. The errno of the first refusal is in
  /// Error::system_error.
  Status commit(Batch batch);
  /// Sends one request with NLM_F_DUMP and hands every answer to `visit`.
  Status dump(std::uint16_t type, std::uint16_t family, const std::function<void(nlmsghdr*)>& build,
              const std::function<void(const nlmsghdr*)>& visit);
  /// Hands over what has arrived, without waiting. False when the kernel dropped notifications.
  bool drain(const std::function<void(const nlmsghdr*)>& visit);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  explicit NetfilterSocket(mnl_socket* socket) : socket_(socket) {}

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace gemel::adapters::gate
