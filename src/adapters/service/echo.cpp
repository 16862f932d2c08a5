#include "adapters/service/echo.h"

namespace gemel::adapters::service {
namespace {

constexpr std::uint8_t request_type = 8;
constexpr std::uint8_t reply_type = 0;
constexpr std::uint8_t request_type6 = 128;
constexpr std::uint8_t reply_type6 = 129;

std::uint8_t high(unsigned value) { return static_cast<std::uint8_t>(value >> 8 & 0xFFU); }
std::uint8_t low(unsigned value) { return static_cast<std::uint8_t>(value & 0xFFU); }
std::uint16_t number(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(unsigned{bytes[at]} << 8 | bytes[at + 1]);
}

EchoMessage message(std::uint8_t type, EchoLabel label) {
  return {type, 0, 0, 0, high(label.identifier), low(label.identifier), high(label.sequence), low(label.sequence)};
}

std::optional<EchoLabel> parse(std::span<const std::uint8_t> bytes, std::uint8_t type) {
  if (bytes.size() < EchoMessage{}.size() || bytes[0] != type || bytes[1] != 0) return std::nullopt;
  return EchoLabel{number(bytes, 4), number(bytes, 6)};
}

}  // namespace

EchoMessage echo_request(EchoLabel label) {
  EchoMessage bytes = message(request_type, label);
  // The ones' complement sum of all 16-bit words (RFC 1071); the carry comes back in at the low end.
  unsigned sum = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 2) sum += number(bytes, at);
  while (sum > 0xFFFFU) sum = (sum & 0xFFFFU) + (sum >> 16);
  bytes[2] = high(~sum);
  bytes[3] = low(~sum);
  return bytes;
}

EchoMessage echo_request6(EchoLabel label) { return message(request_type6, label); }

std::optional<EchoLabel> parse_reply(std::span<const std::uint8_t> packet) {
  if (packet.empty()) return std::nullopt;
  const std::size_t header = std::size_t{packet[0] & 0x0FU} * 4;  // RFC 791: length in words of 32 bits
  if (header > packet.size()) return std::nullopt;
  return parse(packet.subspan(header), reply_type);
}

std::optional<EchoLabel> parse_reply6(std::span<const std::uint8_t> message_bytes) {
  return parse(message_bytes, reply_type6);
}

}  // namespace gemel::adapters::service
