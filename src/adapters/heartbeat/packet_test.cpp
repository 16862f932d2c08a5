// The packet's codec: what was sealed opens unchanged, and nothing else opens.
#include "adapters/heartbeat/packet.h"

#include <gtest/gtest.h>

#include <vector>

#include "adapters/heartbeat/udp_heartbeat.h"
#include "base/random.h"

namespace gemel::adapters::heartbeat {
namespace {

class HeartbeatPacket : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(prepare_cryptography()); }
  static constexpr std::uint64_t seed = 20260131;
  Random random{seed};
  Key key = heartbeat_key(Key{1, 2, 3});
  Direction direction{hash_of("db1"), hash_of("db2")};

  Packet random_packet() {
    Packet packet;
    for (auto* field : {&packet.cluster, &packet.sequence, &packet.challenge, &packet.response, &packet.echo.session,
                        &packet.echo.sequence, &packet.message.epoch.value, &packet.message.wal_end.value})
      *field = random.next();
    packet.session = random.next() | 1;
    packet.send_time.since_boot = Duration(static_cast<std::int64_t>(random.next() >> 1));
    packet.echo.send_time.since_boot = Duration(static_cast<std::int64_t>(random.next() >> 1));
    packet.has_message = random.below(2) == 1;
    packet.message.revision.value = static_cast<std::int64_t>(random.next());
    packet.message.state = static_cast<core::RecordState>(random.below(3));
    packet.message.run = static_cast<core::PostgresRun>(random.below(7));
    packet.message.timeline = static_cast<std::uint32_t>(random.next());
    packet.message.is_receiving = random.below(2) == 1;
    packet.message.service_reachable = static_cast<std::uint16_t>(random.below(65536));
    packet.message.service_total = static_cast<std::uint16_t>(random.below(65536));
    packet.message.holder = Name(std::string(random.below(64), 'h'));
    return packet;
  }
};

TEST_F(HeartbeatPacket, always_opens_as_it_was_sealed) {
  for (int i = 0; i < 2000; ++i) {
    const Packet packet = random_packet();
    EXPECT_EQ(open(key, direction, seal(key, direction, packet)), packet) << "seed " << seed << " round " << i;
  }
}

TEST_F(HeartbeatPacket, never_opens_with_a_flipped_bit) {
  const Sealed good = seal(key, direction, random_packet());
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Sealed bad = good;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1U << bit % 8));
    EXPECT_FALSE(open(key, direction, bad)) << "bit " << bit;
  }
}

TEST_F(HeartbeatPacket, never_opens_garbage) {
  const Sealed good = seal(key, direction, random_packet());
  for (int i = 0; i < 100'000; ++i) {
    std::vector<std::uint8_t> bytes(random.below(sealed_size + 64));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.next());
    // Half of them with a true header, so that the cipher itself is met.
    if (i % 2 == 0 && bytes.size() >= header_size) std::copy_n(good.begin(), header_size, bytes.begin());
    if (i % 4 == 0) bytes.resize(sealed_size);
    ASSERT_FALSE(open(key, direction, bytes)) << "seed " << seed << " round " << i;
  }
}

TEST_F(HeartbeatPacket, never_opens_in_part_or_with_more) {
  const Sealed good = seal(key, direction, random_packet());
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(open(key, direction, std::span(good.data(), size)));
  std::vector<std::uint8_t> longer(good.begin(), good.end());
  longer.push_back(0);
  EXPECT_FALSE(open(key, direction, longer));
}

TEST_F(HeartbeatPacket, opens_only_for_its_pair_and_key) {
  const Sealed good = seal(key, direction, random_packet());
  EXPECT_TRUE(open(key, direction, good));
  EXPECT_FALSE(open(key, {direction.receiver, direction.sender}, good)) << "reflected";
  EXPECT_FALSE(open(key, {direction.sender, hash_of("db3")}, good)) << "passed on";
  EXPECT_FALSE(open(heartbeat_key(Key{1, 2, 4}), direction, good)) << "another site's secret";
  EXPECT_FALSE(open(Key{1, 2, 3}, direction, good)) << "the site's secret itself is not the key";
}

TEST_F(HeartbeatPacket, content_out_of_range_is_refused_though_authentic) {
  Packet packet = random_packet();
  packet.message.state = static_cast<core::RecordState>(3);
  EXPECT_FALSE(open(key, direction, seal(key, direction, packet)));
  packet = random_packet();
  packet.message.run = static_cast<core::PostgresRun>(7);
  EXPECT_FALSE(open(key, direction, seal(key, direction, packet)));
  packet = random_packet();
  packet.session = 0;
  EXPECT_FALSE(open(key, direction, seal(key, direction, packet)));
}

TEST_F(HeartbeatPacket, beats_survive_the_fixed_form) {
  const Beat beat{.epoch = {7},
                  .holder = {"db1"},
                  .revision = {42},
                  .state = core::RecordState::resigned,
                  .run = core::PostgresRun::standby,
                  .timeline = 3,
                  .wal_end = {99},
                  .is_receiving = true,
                  .service_reachable = 1,
                  .service_total = 2};
  EXPECT_EQ(to_beat(to_message(beat)), beat);
}

TEST(HeartbeatSecret, is_64_hexadecimal_digits) {
  const std::string digits = "00112233445566778899aAbBcCdDeEfF00112233445566778899aabbccddeeff";
  auto key = parse_secrets(" " + digits + "\n");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->present[1], 0x11);
  EXPECT_EQ(key->present[10], 0xaa);
  EXPECT_FALSE(key->spare);
  const auto two = parse_secrets(digits + "\n" + std::string(64, 'f') + "\n");
  ASSERT_TRUE(two && two->spare);
  EXPECT_EQ(two->present, key->present);
  EXPECT_EQ((*two->spare)[0], 0xff);
  EXPECT_FALSE(parse_secrets(digits + "\n" + digits + "\n" + digits));
  EXPECT_FALSE(parse_secrets(digits + "\n" + "short"));
  for (const std::string& wrong : {std::string(), digits.substr(1), digits + "0", "g" + digits.substr(1)}) {
    auto refused = parse_secrets(wrong);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid);
    if (!wrong.empty()) {
      EXPECT_EQ(refused.error().message.find(wrong), std::string::npos) << "shows the secret";
    }
  }
}

}  // namespace
}  // namespace gemel::adapters::heartbeat
