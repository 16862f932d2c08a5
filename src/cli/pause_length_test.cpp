#include "cli/pause_length.h"

#include <gtest/gtest.h>

namespace gemel::cli {
namespace {

using std::chrono::seconds;

TEST(PauseLength, reads_sums_of_units_from_large_to_small) {
  EXPECT_EQ(parse_length("90s"), seconds(90));
  EXPECT_EQ(parse_length("30m"), seconds(1800));
  EXPECT_EQ(parse_length("7d"), seconds(604800));
  EXPECT_EQ(parse_length("1h30m"), seconds(5400));
  EXPECT_EQ(parse_length("1d2h3m4s"), seconds(93784));
  EXPECT_EQ(parse_length("0s"), seconds(0));
}

TEST(PauseLength, refuses_what_would_have_to_be_guessed) {
  for (const auto* text : {"", "h", "90", "1h30", "30m1h", "1h1h", "-1h", "1.5h", " 1h", "1h ", "1 h", "1w", "2M",
                           "99999999999999999999s", "2000000d"}) {
    EXPECT_EQ(parse_length(text), std::nullopt) << text;
  }
}

TEST(PauseLength, writes_what_it_reads) {
  for (const auto* text : {"0s", "59s", "1m", "1h30m", "7d", "1d2h3m4s"})
    EXPECT_EQ(length_text(*parse_length(text)), text);
}

}  // namespace
}  // namespace gemel::cli
