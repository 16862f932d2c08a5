// What the gate refuses before it touches the kernel.
#include <gtest/gtest.h>

#include "adapters/gate/rules.h"

namespace gemel::adapters::gate {
namespace {

TEST(GateConfig, reads_both_families) {
  auto parsed = parse({.vip = "192.0.2.9", .vip6 = "2001:db8::9", .peers = {"192.0.2.1", "2001:db8::1"}});
  ASSERT_TRUE(parsed);
  EXPECT_EQ((*parsed->vip)[3], 9);
  EXPECT_EQ((*parsed->vip6)[15], 9);
  EXPECT_EQ(parsed->peers4.size(), 1U);
  EXPECT_EQ(parsed->peers6.size(), 1U);
  EXPECT_EQ(open_sets(*parsed).size(), 3U);
  EXPECT_EQ(admit_sets(*parsed).size(), 2U);
}

TEST(GateConfig, names_the_wrong_address) {
  for (const GateConfig& wrong :
       {GateConfig{.vip = "192.0.2.256"}, GateConfig{.vip = "2001:db8::9"}, GateConfig{.vip6 = "192.0.2.9"},
        GateConfig{.peers = {"db1"}}, GateConfig{.vip = ""}, GateConfig{.port = 0}}) {
    auto parsed = parse(wrong);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid);
  }
}

TEST(GateRules, batch_ends_with_its_frame_and_fits_many_peers) {
  GateConfig config{.vip = "192.0.2.9", .vip6 = "2001:db8::9"};
  for (int i = 1; i < 200; ++i) config.peers.push_back("192.0.2." + std::to_string(i));
  auto batch = replace_tables(*parse(config), {.life = std::chrono::milliseconds(500)});
  const auto& bytes = batch.finish();
  int messages = 0;
  for (std::size_t at = 0; at < bytes.size(); ++messages) {
    const auto* header = reinterpret_cast<const nlmsghdr*>(bytes.data() + at);
    ASSERT_GE(header->nlmsg_len, sizeof(nlmsghdr));
    ASSERT_LE(at + header->nlmsg_len, bytes.size());
    at += header->nlmsg_len;
  }
  EXPECT_GT(messages, 200 + 16);
}

}  // namespace
}  // namespace gemel::adapters::gate
