// Layouts by offset; every read is checked against the frame's length first.
#include "adapters/address/frames.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace gemel::adapters::address {

namespace {

constexpr std::size_t ethernet_size = 14, arp_size = 28, ip6_size = 40, nd_size = 24, option_size = 8;
constexpr std::uint16_t ethertype_arp = 0x0806, ethertype_ip6 = 0x86dd;
constexpr std::uint8_t solicitation = 135, advertisement = 136, hop_limit = 255;
constexpr std::uint8_t option_target_mac = 2, override_flag = 0x20;
constexpr Mac broadcast = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

void put(Frame& frame, std::span<const std::uint8_t> bytes) { frame.insert(frame.end(), bytes.begin(), bytes.end()); }
void put16(Frame& frame, std::uint16_t value) {
  frame.push_back(static_cast<std::uint8_t>(value >> 8));
  frame.push_back(static_cast<std::uint8_t>(value));
}
std::uint16_t get16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
Mac mac_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  Mac mac{};
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), mac.size(), mac.begin());
  return mac;
}
bool equal_at(std::span<const std::uint8_t> bytes, std::size_t at, std::span<const std::uint8_t> expected) {
  return std::ranges::equal(bytes.subspan(at, expected.size()), expected);
}

Frame arp_frame(std::uint16_t operation, const Mac& self, std::span<const std::uint8_t> sender,
                std::span<const std::uint8_t> target) {
  Frame frame;
  put(frame, broadcast);
  put(frame, self);
  put16(frame, ethertype_arp);
  put16(frame, 1);       // Ethernet
  put16(frame, 0x0800);  // IPv4
  frame.push_back(6);
  frame.push_back(4);
  put16(frame, operation);
  put(frame, self);
  put(frame, sender);
  put(frame, operation == 1 ? Mac{} : self);
  put(frame, target);
  frame.resize(60);  // shortest Ethernet frame without its check sum
  return frame;
}

// Internet check sum over the pseudo header and the ICMPv6 message (RFC 4443 section 2.3).
std::uint16_t checksum(std::span<const std::uint8_t> addresses, std::span<const std::uint8_t> message) {
  std::uint32_t sum = static_cast<std::uint32_t>(message.size()) + IPPROTO_ICMPV6;
  for (const auto part : {addresses, message})
    for (std::size_t i = 0; i < part.size(); i += 2) sum += get16(part, i);  // both have an even length
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

Frame ip6_frame(const Mac& self, const Mac& to_mac, std::span<const std::uint8_t> from,
                std::span<const std::uint8_t> to, std::span<const std::uint8_t> message) {
  Frame frame;
  put(frame, to_mac);
  put(frame, self);
  put16(frame, ethertype_ip6);
  put(frame, std::array<std::uint8_t, 4>{0x60, 0, 0, 0});
  put16(frame, static_cast<std::uint16_t>(message.size()));
  frame.push_back(IPPROTO_ICMPV6);
  frame.push_back(hop_limit);
  put(frame, from);
  put(frame, to);
  const std::size_t start = frame.size();
  put(frame, message);
  const auto sum = checksum(std::span(frame).subspan(start - 32, 32), std::span(frame).subspan(start));
  frame[start + 2] = static_cast<std::uint8_t>(sum >> 8);
  frame[start + 3] = static_cast<std::uint8_t>(sum);
  return frame;
}

std::optional<Claim> read_arp(std::span<const std::uint8_t> frame, const Ip& ip) {
  if (frame.size() < ethernet_size + arp_size) return std::nullopt;
  const auto arp = frame.subspan(ethernet_size);
  if (get16(arp, 0) != 1 || get16(arp, 2) != 0x0800 || arp[4] != 6 || arp[5] != 4) return std::nullopt;
  const Mac sender = mac_at(arp, 8);
  if (equal_at(arp, 14, ip.bytes())) return Claim{sender, false};
  const std::array<std::uint8_t, 4> nobody{};
  if (get16(arp, 6) == 1 && equal_at(arp, 14, nobody) && equal_at(arp, 24, ip.bytes())) return Claim{sender, true};
  return std::nullopt;
}

std::optional<Claim> read_neighbour(std::span<const std::uint8_t> frame, const Ip& ip) {
  if (frame.size() < ethernet_size + ip6_size + nd_size) return std::nullopt;
  const auto header = frame.subspan(ethernet_size, ip6_size);
  const auto message = frame.subspan(ethernet_size + ip6_size);
  if (header[0] >> 4 != 6 || header[6] != IPPROTO_ICMPV6 || header[7] != hop_limit) return std::nullopt;
  if (!equal_at(message, 8, ip.bytes())) return std::nullopt;
  const Mac sender = mac_at(frame, 6);
  const std::array<std::uint8_t, 16> nobody{};
  if (message[0] == advertisement) {
    const bool has_option = message.size() >= nd_size + option_size && message[24] == option_target_mac;
    return Claim{has_option ? mac_at(message, 26) : sender, false};
  }
  if (message[0] == solicitation && equal_at(header, 8, nobody)) return Claim{sender, true};
  return std::nullopt;
}

}  // namespace

std::string to_string(const Mac& mac) { return fmt::format("{:02x}", fmt::join(mac, ":")); }

std::optional<Ip> Ip::parse(const std::string& text) {
  Ip ip;
  if (inet_pton(AF_INET, text.c_str(), ip.bytes_.data()) == 1) {
    ip.size_ = 4;
  } else if (inet_pton(AF_INET6, text.c_str(), ip.bytes_.data()) == 1) {
    ip.size_ = 16;
  } else {
    return std::nullopt;
  }
  return ip;
}

Frame probe_frame(const Ip& ip, const Mac& self) {
  const auto bytes = ip.bytes();
  if (ip.is_v4()) return arp_frame(1, self, std::array<std::uint8_t, 4>{}, bytes);
  // To the solicited-node group of the address (RFC 4291 section 2.7.1), whose frames go to 33:33 and its last 4 bytes.
  const std::array<std::uint8_t, 16> group = {0xff, 2, 0, 0, 0,    0,         0,         0,
                                              0,    0, 0, 1, 0xff, bytes[13], bytes[14], bytes[15]};
  const Mac group_mac = {0x33, 0x33, 0xff, bytes[13], bytes[14], bytes[15]};
  Frame message = {solicitation, 0, 0, 0, 0, 0, 0, 0};
  put(message, bytes);
  return ip6_frame(self, group_mac, std::array<std::uint8_t, 16>{}, group, message);
}

std::vector<Frame> announcement_frames(const Ip& ip, const Mac& self) {
  if (ip.is_v4())  // some neighbours learn only from one of the two
    return {arp_frame(1, self, ip.bytes(), ip.bytes()), arp_frame(2, self, ip.bytes(), ip.bytes())};
  const std::array<std::uint8_t, 16> all_nodes = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  Frame message = {advertisement, 0, 0, 0, override_flag, 0, 0, 0};
  put(message, ip.bytes());
  message.push_back(option_target_mac);
  message.push_back(1);  // in units of 8 bytes
  put(message, self);
  return {ip6_frame(self, {0x33, 0x33, 0, 0, 0, 1}, ip.bytes(), all_nodes, message)};
}

std::optional<Claim> read_claim(std::span<const std::uint8_t> frame, const Ip& ip) {
  if (frame.size() < ethernet_size) return std::nullopt;
  const auto ethertype = get16(frame, 12);
  if (ip.is_v4()) return ethertype == ethertype_arp ? read_arp(frame, ip) : std::nullopt;
  return ethertype == ethertype_ip6 ? read_neighbour(frame, ip) : std::nullopt;
}

}  // namespace gemel::adapters::address
