#include "site/network_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace gemel::site {
namespace {

/// `address` with every bit from `length` on set to zero or to one.
IpAddress with_host_bits(IpAddress address, int length, bool ones) {
  for (int bit = length; bit < address.bits(); ++bit) {
    auto& byte = address.bytes.at(static_cast<std::size_t>(bit / 8));
    const auto mask = static_cast<std::uint8_t>(0x80U >> static_cast<unsigned>(bit % 8));
    byte = static_cast<std::uint8_t>(ones ? byte | mask : byte & ~mask);
  }
  return address;
}

}  // namespace

bool IpAddress::is_special() const {
  const auto is_zero = [](std::uint8_t byte) { return byte == 0; };
  if (!is_v6) return bytes[0] == 0 || bytes[0] == 127 || bytes[0] >= 224;
  if (std::all_of(bytes.begin(), bytes.end() - 1, is_zero)) return true;  // "::", "::1"
  return bytes[0] == 0xff || (bytes[0] == 0xfe && (bytes[1] & 0xc0U) == 0x80);
}

std::optional<IpAddress> parse_address(const std::string& text) {
  IpAddress address;
  if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) return address;
  address.is_v6 = true;
  if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

std::string to_string(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(address.is_v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), static_cast<socklen_t>(text.size()));
  return text.data();
}

std::optional<Subnet> parse_subnet(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto base = parse_address(text.substr(0, slash));
  int length = -1;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + slash + 1, end, length);
  if (!base || error != std::errc{} || rest != end || length < 1 || length > base->bits()) return std::nullopt;
  return Subnet{*base, length};
}

Subnet masked(const Subnet& subnet) { return {with_host_bits(subnet.base, subnet.length, false), subnet.length}; }

std::string to_string(const Subnet& subnet) { return to_string(subnet.base) + "/" + std::to_string(subnet.length); }

bool Subnet::contains(const IpAddress& address) const {
  return address.is_v6 == base.is_v6 && with_host_bits(address, length, false) == with_host_bits(base, length, false);
}

bool Subnet::is_network_address(const IpAddress& address) const {
  return length < base.bits() - 1 && address == with_host_bits(base, length, false);
}

bool Subnet::is_broadcast_address(const IpAddress& address) const {
  return !base.is_v6 && length < 31 && address == with_host_bits(base, length, true);
}

}  // namespace gemel::site
