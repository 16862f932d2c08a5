// IP addresses and networks as values: read, compare, contain. No names, no sockets.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace gemel::site {

/// An IPv4 or IPv6 address. Two spellings of one address compare equal.
struct IpAddress {
  bool is_v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // IPv4 uses the first four
  auto operator<=>(const IpAddress&) const = default;
  [[nodiscard]] int bits() const { return is_v6 ? 128 : 32; }
  /// Loopback, multicast, link-local IPv6, "any" or broadcast: no address a host of a site can be reached by.
  [[nodiscard]] bool is_special() const;
};

/// nullopt for anything but one literal address (no prefix, no zone).
std::optional<IpAddress> parse_address(const std::string& text);
std::string to_string(const IpAddress& address);

/// A network: `base` has no bit set beyond `length`, see parse_subnet().
struct Subnet {
  IpAddress base;
  int length = 0;
  [[nodiscard]] bool contains(const IpAddress& address) const;
  /// The address that names the network itself (IPv4: all host bits zero; IPv6: the subnet-router anycast address).
  [[nodiscard]] bool is_network_address(const IpAddress& address) const;
  /// IPv4 only: all host bits one. Networks of /31 and /32 have neither of the two (RFC 3021).
  [[nodiscard]] bool is_broadcast_address(const IpAddress& address) const;
};

/// "10.0.0.0/24". Host bits may be set: compare `base` with the address part to see it (masked() clears them).
std::optional<Subnet> parse_subnet(const std::string& text);
Subnet masked(const Subnet& subnet);
std::string to_string(const Subnet& subnet);

}  // namespace gemel::site
