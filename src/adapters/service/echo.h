// Echo messages of ICMP (RFC 792) and ICMPv6 (RFC 4443) as bytes. Pure. Private to this folder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace gemel::adapters::service {

/// Type, code, checksum, identifier, sequence number; no data.
using EchoMessage = std::array<std::uint8_t, 8>;

/// Tells the answers to one question from those to others.
struct EchoLabel {
  std::uint16_t identifier = 0;
  std::uint16_t sequence = 0;
  bool operator==(const EchoLabel&) const = default;
};

/// With its checksum.
EchoMessage echo_request(EchoLabel label);
/// Without a checksum: the kernel's raw ICMPv6 sockets fill it in (RFC 3542, section 3.1).
EchoMessage echo_request6(EchoLabel label);

/// What a raw IPv4 socket received, IP header included; nothing when it is no echo reply.
std::optional<EchoLabel> parse_reply(std::span<const std::uint8_t> packet);
/// What a raw ICMPv6 socket received, without a header.
std::optional<EchoLabel> parse_reply6(std::span<const std::uint8_t> message);

}  // namespace gemel::adapters::service
