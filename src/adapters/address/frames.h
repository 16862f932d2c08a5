// Ethernet frames that ask for, announce and defend an address: ARP (RFC 826, 5227) and neighbour discovery (RFC 4861).
// Pure: builds and reads bytes.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "adapters/address/address.h"

namespace gemel::adapters::address {

/// An IP address in network byte order: 4 or 16 bytes.
class Ip {
 public:
  static std::optional<Ip> parse(const std::string& text);
  [[nodiscard]] bool is_v4() const { return size_ == 4; }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return std::span(bytes_).first(size_); }
  bool operator==(const Ip&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  std::size_t size_ = 0;
};

using Frame = std::vector<std::uint8_t>;

/// "Who has it?" from nobody: sender address zero (ARP) or unspecified (neighbour solicitation).
Frame probe_frame(const Ip& ip, const Mac& self);
/// Tells every neighbour that `self` has it: ARP request and reply, or one advertisement with the override flag.
std::vector<Frame> announcement_frames(const Ip& ip, const Mac& self);

/// Whose hardware address a received frame gives for `ip`, or who asks for it as we would before taking it; nothing for
/// any other frame, also a malformed one.
struct Claim {
  Mac mac{};
  bool is_probe = false;
};
std::optional<Claim> read_claim(std::span<const std::uint8_t> frame, const Ip& ip);

}  // namespace gemel::adapters::address
