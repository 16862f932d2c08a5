// Reading pg_control from bytes made here; that the real server's file has this form is in the contract test.
#include "adapters/postgres/control_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace gemel::adapters::postgres {
namespace {

template <typename Number>
void put(std::string& bytes, std::size_t offset, Number number) {
  std::memcpy(bytes.data() + offset, &number, sizeof number);
}

std::string sealed(std::string bytes) {
  put(bytes, 288, crc32c(std::string_view(bytes).substr(0, 288)));
  return bytes;
}

std::string sample() {
  std::string bytes(8192, '\0');
  put(bytes, 0, std::uint64_t{7412345678901234567});
  put(bytes, 8, std::uint32_t{1300});
  put(bytes, 16, std::uint32_t{1});
  put(bytes, 32, std::uint64_t{0x3000028});
  put(bytes, 40, std::uint64_t{0x3000020});
  put(bytes, 48, std::uint32_t{2});
  put(bytes, 136, std::uint64_t{0x5000000});
  put(bytes, 144, std::uint32_t{3});
  put(bytes, 228, std::uint32_t{4 << 20});
  return sealed(bytes);
}

TEST(ControlFile, reads_every_field) {
  const auto control = parse_control_file(sample());
  ASSERT_TRUE(control.has_value()) << control.error().to_string();
  EXPECT_EQ(control->system_id, "7412345678901234567");
  EXPECT_EQ(control->state, "shut down");
  EXPECT_EQ(control->checkpoint, Lsn{0x3000028});
  EXPECT_EQ(control->redo, Lsn{0x3000020});
  EXPECT_EQ(control->timeline, 3U);
  EXPECT_EQ(control->minimum_recovery_end, Lsn{0x5000000});
  EXPECT_EQ(control->segment_size, 4U << 20U);
}

TEST(ControlFile, computes_the_checksum_of_the_standard) { EXPECT_EQ(crc32c("123456789"), 0xE3069283U); }

TEST(ControlFile, refuses_a_torn_or_short_file) {
  for (std::size_t at = 0; at < 292; ++at) {
    if (at >= 8 && at < 12) continue;  // the version
    std::string bytes = sample();
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    const auto control = parse_control_file(bytes);
    ASSERT_FALSE(control.has_value()) << at;
    EXPECT_EQ(control.error().code, ErrorCode::corrupt) << at;
  }
  EXPECT_EQ(parse_control_file(sample().substr(0, 295)).error().code, ErrorCode::corrupt);
  EXPECT_EQ(parse_control_file("").error().code, ErrorCode::corrupt);
}

TEST(ControlFile, leaves_other_versions_to_the_servers_own_tool) {
  std::string bytes = sample();
  put(bytes, 8, std::uint32_t{1700});
  EXPECT_EQ(parse_control_file(bytes).error().code, ErrorCode::unsupported);
}

TEST(ControlFile, refuses_a_state_that_does_not_exist) {
  std::string bytes = sample();
  put(bytes, 16, std::uint32_t{7});
  EXPECT_EQ(parse_control_file(sealed(bytes)).error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace gemel::adapters::postgres
