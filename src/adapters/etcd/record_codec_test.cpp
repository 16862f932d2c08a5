#include "adapters/etcd/record_codec.h"

#include <gtest/gtest.h>

namespace gemel::adapters::etcd {
namespace {

core::Record example() {
  core::Record record;
  record.epoch = Epoch{7};
  record.holder = NodeId{"db1"};
  record.members = {NodeId{"db1"}, NodeId{"db2"}};
  record.state = core::RecordState::resigned;
  record.preferred = NodeId{"db2"};
  record.system_id = "7300000000000000001";
  record.cluster_id = "site \"A\"";
  record.writer = NodeId{"db1"};
  record.token = "t-1";
  return record;
}

core::Record paused_example() {
  core::Record record = example();
  record.state = core::RecordState::paused;
  record.preferred = NodeId{};
  record.pause = core::Pause{"p-1", "ann", "new switch", "12:30", std::chrono::minutes(30)};
  return record;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " is not in " << text;
  return text.replace(at, from.size(), to);
}

TEST(RecordCodec, keeps_every_field_of_a_record) {
  const auto decoded = decode_record(encode_record(example()));
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(*decoded, example());
}

TEST(RecordCodec, keeps_a_pause_and_refuses_a_paused_record_without_one) {
  const std::string text = encode_record(paused_example());
  const auto decoded = decode_record(text);
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(*decoded, paused_example());
  for (const std::string& bad :
       {replaced(text, R"("pause")", R"("x")"), replaced(text, R"("id":"p-1")", R"("id":"")"),
        replaced(text, "1800000", "0"), replaced(text, "1800000", "604800001"), replaced(text, "1800000", "\"1\"")})
    EXPECT_FALSE(decode_record(bad)) << bad;
}

TEST(RecordCodec, keeps_every_cause_and_reads_what_older_and_newer_versions_wrote) {
  for (int cause = 0; cause <= static_cast<int>(core::Cause::force); ++cause) {
    core::Record record = example();
    record.cause = static_cast<core::Cause>(cause);
    EXPECT_EQ(decode_record(encode_record(record)).value().cause, record.cause);
    core::HistoryEntry entry{Epoch{3}, NodeId{"db2"}, false, 0, {}, record.cause};
    EXPECT_EQ(decode_history(encode_history(entry)).value(), entry);
  }
  core::Record sick = example();
  sick.cause = core::Cause::sick;
  EXPECT_EQ(decode_record(replaced(encode_record(sick), "sick", "strange")).value().cause, core::Cause::none);
}

TEST(RecordCodec, has_a_stable_stored_form) {
  EXPECT_EQ(
      encode_record(example()),
      R"({"epoch":7,"holder":"db1","members":["db1","db2"],"state":"resigned","preferred":"db2",)"
      R"("system_id":"7300000000000000001","cluster_id":"site \"A\"","writer":"db1","token":"t-1","min_copies":1})");
}

TEST(RecordCodec, ignores_fields_of_a_newer_version) {
  const auto decoded = decode_record(replaced(encode_record(example()), "{", R"({"newer":[1],)"));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, example());
}

TEST(RecordCodec, refuses_an_unknown_state) {
  const auto decoded = decode_record(replaced(encode_record(example()), "resigned", "dreaming"));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, ErrorCode::invalid);
}

TEST(RecordCodec, refuses_every_missing_field) {
  for (const char* name : {"epoch", "holder", "members", "state", "preferred", "system_id", "cluster_id", "writer",
                           "token", "min_copies"}) {
    const std::string quoted = std::string("\"") + name + "\":";
    const auto decoded = decode_record(replaced(encode_record(example()), quoted, std::string("\"x_") + name + "\":"));
    ASSERT_FALSE(decoded) << name;
    EXPECT_NE(decoded.error().message.find(name), std::string::npos) << decoded.error().message;
  }
}

TEST(RecordCodec, refuses_wrong_types_and_impossible_values) {
  const std::string good = encode_record(example());
  for (const std::string& bad :
       {replaced(good, "\"epoch\":7", "\"epoch\":\"7\""), replaced(good, "\"epoch\":7", "\"epoch\":-7"),
        replaced(good, "\"epoch\":7", "\"epoch\":0"), replaced(good, "\"epoch\":7", "\"epoch\":7.5"),
        replaced(good, "[\"db1\",\"db2\"]", "\"db1\""), replaced(good, "[\"db1\",\"db2\"]", "[1]"),
        replaced(good, "[\"db1\",\"db2\"]", "[\"db2\"]"), replaced(good, "\"holder\":\"db1\"", "\"holder\":\"\""),
        replaced(good, "\"min_copies\":1", "\"min_copies\":99999999999"), std::string("[]"), std::string("7"),
        std::string(), good.substr(0, good.size() - 1), good + "x"}) {
    const auto decoded = decode_record(bad);
    ASSERT_FALSE(decoded) << bad;
    EXPECT_EQ(decoded.error().code, ErrorCode::corrupt) << bad;
  }
}

TEST(RecordCodec, keeps_a_history_entry_open_and_complete) {
  core::HistoryEntry entry;
  entry.epoch = Epoch{3};
  entry.node = NodeId{"db2"};
  const auto open = decode_history(encode_history(entry));
  ASSERT_TRUE(open) << open.error().to_string();
  EXPECT_EQ(*open, entry);
  entry.complete = true;
  entry.timeline = 4;
  entry.switch_lsn = Lsn{0x16B374D848};
  const auto complete = decode_history(encode_history(entry));
  ASSERT_TRUE(complete);
  EXPECT_EQ(*complete, entry);
}

TEST(RecordCodec, refuses_a_broken_history_entry) {
  const std::string good = R"({"epoch":3,"node":"db2","complete":true,"timeline":4,"switch_lsn":"0/1"})";
  ASSERT_TRUE(decode_history(good));
  for (const std::string& bad : {replaced(good, "\"0/1\"", "\"one\""), replaced(good, "true", "1"),
                                 replaced(good, "\"db2\"", "\"\""), replaced(good, "\"timeline\":4,", "")})
    EXPECT_FALSE(decode_history(bad)) << bad;
}

}  // namespace
}  // namespace gemel::adapters::etcd
