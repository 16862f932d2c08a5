// Parsing of pg_controldata and of history files; the arithmetic of record ends.
#include "adapters/postgres/control_data.h"

#include <gtest/gtest.h>

namespace gemel::adapters::postgres {
namespace {

constexpr const char* sample =
    "pg_control version number:            1300\n"
    "Database system identifier:           7412345678901234567\n"
    "Database cluster state:               shut down\n"
    "Latest checkpoint location:           0/3000028\n"
    "Latest checkpoint's REDO location:    0/3000028\n"
    "Latest checkpoint's TimeLineID:       2\n"
    "Minimum recovery ending location:     0/0\n"
    "Min recovery ending loc's timeline:   0\n"
    "Bytes per WAL segment:                16777216\n";

std::string with(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(ControlData, reads_a_clean_shutdown) {
  const auto control = parse_control_data(sample);
  ASSERT_TRUE(control.has_value());
  EXPECT_EQ(control->system_id, "7412345678901234567");
  EXPECT_TRUE(control->is_shut_down());
  EXPECT_EQ(control->timeline, 2U);
  EXPECT_EQ(known_wal_end(*control), (Lsn{0x3000028 + 120}));
}

TEST(ControlData, takes_the_newer_timeline_and_position_of_a_standby) {
  auto text = with(sample, "shut down", "shut down in recovery");
  text = with(text, "location:     0/0", "location:     0/5000000");
  text = with(text, "timeline:   0", "timeline:   3");
  const auto control = parse_control_data(text);
  ASSERT_TRUE(control.has_value());
  EXPECT_FALSE(control->is_shut_down());
  EXPECT_EQ(control->timeline, 3U);
  EXPECT_EQ(known_wal_end(*control), (Lsn{0x5000000}));
}

TEST(ControlData, refuses_what_is_incomplete) {
  for (const char* line :
       {"Database system identifier:           7412345678901234567\n", "Latest checkpoint's TimeLineID:       2\n",
        "Latest checkpoint location:           0/3000028\n"}) {
    const auto control = parse_control_data(with(sample, line, ""));
    ASSERT_FALSE(control.has_value()) << line;
    EXPECT_EQ(control.error().code, ErrorCode::corrupt);
  }
}

TEST(RecordEnd, counts_page_and_segment_headers) {
  EXPECT_EQ(record_end({Lsn{0x3000028}, 114, 16 << 20}), (Lsn{0x30000A0}));
  // 16 bytes fit on the page, then 24 of page header.
  EXPECT_EQ(record_end({Lsn{0x3001FF0}, 114, 16 << 20}), (Lsn{0x3002000 + 24 + 104}));
  // The next page begins a segment: 40 of header.
  EXPECT_EQ(record_end({Lsn{0x3FFFFF8}, 114, 16 << 20}), (Lsn{0x4000000 + 40 + 112}));
  EXPECT_EQ(record_end({Lsn{0x33FFFF8}, 114, 4 << 20}), (Lsn{0x3400000 + 40 + 112}));
  EXPECT_EQ(record_end({Lsn{0x33FFFF8}, 114, 16 << 20}), (Lsn{0x3400000 + 24 + 112}));
}

TEST(History, gives_the_newest_switch) {
  const auto lsn = parse_switch_lsn("1\t0/3000148\tno recovery target specified\n\n2\t16/B374D848\tbefore x\n");
  ASSERT_TRUE(lsn.has_value());
  EXPECT_EQ(*lsn, (Lsn{0x16B374D848}));
  EXPECT_FALSE(parse_switch_lsn("").has_value());
  EXPECT_FALSE(parse_switch_lsn("1 0/3000148").has_value());
  EXPECT_EQ(history_file_name(26), "0000001A.history");
  EXPECT_TRUE(is_empty_history(""));
  EXPECT_TRUE(is_empty_history("# nothing\n \n"));
  EXPECT_FALSE(is_empty_history("# nothing\n1\t0/3000148\tno recovery target specified\n"));
}

}  // namespace
}  // namespace gemel::adapters::postgres
