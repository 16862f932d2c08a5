// Echo messages against bytes taken from the RFCs, and against bytes that are none.
#include "adapters/service/echo.h"

#include <gtest/gtest.h>

#include <vector>

namespace gemel::adapters::service {
namespace {

TEST(Echo, request_carries_a_checksum_over_itself) {
  EXPECT_EQ(echo_request({0x1234, 1}), (EchoMessage{8, 0, 0xE5, 0xCA, 0x12, 0x34, 0, 1}));
  EXPECT_EQ(echo_request({0xFFFF, 0xFFFF}), (EchoMessage{8, 0, 0xF7, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}));
  EXPECT_EQ(echo_request6({0x1234, 0x0506}), (EchoMessage{128, 0, 0, 0, 0x12, 0x34, 5, 6}));
}

TEST(Echo, reply_is_found_behind_an_ip_header_of_any_length) {
  for (const unsigned words : {5U, 15U}) {
    std::vector<std::uint8_t> packet(words * 4, 0);
    packet[0] = static_cast<std::uint8_t>(0x40 | words);
    packet.insert(packet.end(), {0, 0, 9, 9, 0x12, 0x34, 0, 7});
    EXPECT_EQ(parse_reply(packet), (EchoLabel{0x1234, 7}));
  }
  const std::vector<std::uint8_t> message{129, 0, 9, 9, 0x12, 0x34, 0, 7};
  EXPECT_EQ(parse_reply6(message), (EchoLabel{0x1234, 7}));
}

TEST(Echo, anything_else_is_no_reply) {
  std::vector<std::uint8_t> packet(20, 0);
  packet[0] = 0x45;
  EXPECT_EQ(parse_reply({}), std::nullopt);
  EXPECT_EQ(parse_reply(packet), std::nullopt);
  packet.insert(packet.end(), {8, 0, 9, 9, 0x12, 0x34, 0, 7});
  EXPECT_EQ(parse_reply(packet), std::nullopt) << "a request";
  packet[20] = 0;
  packet.pop_back();
  EXPECT_EQ(parse_reply(packet), std::nullopt) << "cut";
  packet[0] = 0x4F;
  EXPECT_EQ(parse_reply(packet), std::nullopt) << "a header longer than the packet";
}

}  // namespace
}  // namespace gemel::adapters::service
