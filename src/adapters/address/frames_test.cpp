// Frames against the layouts of their RFCs, and the reader against garbage.
#include "adapters/address/frames.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace gemel::adapters::address {
namespace {

constexpr Mac self = {0x02, 0, 0, 0, 0, 1};
const Ip v4 = *Ip::parse("192.0.2.9");
const Ip v6 = *Ip::parse("2001:db8::12:3456");

TEST(AddressFrames, arp_announcement_is_a_request_and_a_reply_for_oneself) {
  const auto frames = announcement_frames(v4, self);
  ASSERT_EQ(frames.size(), 2U);
  const Frame request = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,   0, 0, 0, 1, 8, 6, 0, 1, 8, 0,   6, 4, 0,
                         1,    2,    0,    0,    0,    0,    1, 192, 0, 2, 9, 0, 0, 0, 0, 0, 0, 192, 0, 2, 9};
  EXPECT_TRUE(std::equal(request.begin(), request.end(), frames[0].begin()));
  EXPECT_EQ(frames[1][21], 2);
  for (const auto& frame : frames) EXPECT_EQ(frame.size(), 60U);
}

TEST(AddressFrames, arp_probe_has_no_sender_address) {
  const auto frame = probe_frame(v4, self);
  EXPECT_TRUE(std::all_of(frame.begin() + 28, frame.begin() + 32, [](auto byte) { return byte == 0; }));
  EXPECT_TRUE(std::ranges::equal(std::span(frame).subspan(38, 4), v4.bytes()));
}

TEST(AddressFrames, solicitation_goes_to_the_group_of_the_address_with_a_good_check_sum) {
  const auto frame = probe_frame(v6, self);
  const Mac group = {0x33, 0x33, 0xff, 0x12, 0x34, 0x56};
  EXPECT_TRUE(std::equal(group.begin(), group.end(), frame.begin()));
  std::uint32_t sum = 58 + 24;  // next header, length
  for (std::size_t i = 22; i < frame.size(); i += 2) sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  EXPECT_EQ(sum, 0xffffU);
}

TEST(AddressFrames, reads_what_it_writes) {
  for (const Ip& ip : {v4, v6}) {
    for (const auto& frame : announcement_frames(ip, self)) {
      const auto claim = read_claim(frame, ip);
      ASSERT_TRUE(claim);
      EXPECT_EQ(claim->mac, self);
      EXPECT_FALSE(claim->is_probe);
    }
    const auto probe = read_claim(probe_frame(ip, self), ip);
    ASSERT_TRUE(probe);
    EXPECT_TRUE(probe->is_probe);
    EXPECT_EQ(probe->mac, self);
  }
  EXPECT_FALSE(read_claim(announcement_frames(v4, self)[0], *Ip::parse("192.0.2.10")));
  EXPECT_FALSE(read_claim(announcement_frames(v6, self)[0], v4));
}

TEST(AddressFrames, never_reads_beyond_a_frame) {
  constexpr std::uint64_t seed = 11;
  Random random(seed);
  for (const Ip& ip : {v4, v6}) {
    auto frames = announcement_frames(ip, self);
    frames.push_back(probe_frame(ip, self));
    for (const auto& frame : frames)
      for (std::size_t size = 0; size <= frame.size(); ++size)
        read_claim(Frame(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size)), ip);
    for (int i = 0; i < 20'000; ++i) {
      Frame garbage(random.below(120));
      for (auto& byte : garbage) byte = static_cast<std::uint8_t>(random.next());
      if (garbage.size() > 14) garbage[12] = ip.is_v4() ? 8 : 0x86, garbage[13] = ip.is_v4() ? 6 : 0xdd;
      ASSERT_FALSE(read_claim(garbage, ip)) << "seed " << seed << " round " << i;
    }
  }
}

TEST(AddressFrames, parses_literals_only) {
  for (const char* wrong : {"", "db1", "192.0.2", "192.0.2.9/24", "fe80::1%eth0"}) EXPECT_FALSE(Ip::parse(wrong));
  EXPECT_EQ(to_string(self), "02:00:00:00:00:01");
}

}  // namespace
}  // namespace gemel::adapters::address
