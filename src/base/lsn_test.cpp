#include "base/lsn.h"

#include <gtest/gtest.h>

namespace gemel {
namespace {

TEST(Lsn, prints_as_postgresql_does) { EXPECT_EQ(to_string(Lsn{0x16'B374D848U}), "16/B374D848"); }

TEST(Lsn, reads_what_it_prints) {
  for (const std::uint64_t value : {0UL, 1UL, 0x16B374D848UL, ~0UL}) {
    EXPECT_EQ(parse_lsn(to_string(Lsn{value})).value(), Lsn{value});
  }
}

TEST(Lsn, refuses_what_is_not_a_position) {
  for (const char* text : {"", "/", "1/", "/1", "g/1", "1/123456789", "1/2/3", " 1/2"}) {
    EXPECT_FALSE(parse_lsn(text)) << text;
  }
}

}  // namespace
}  // namespace gemel
