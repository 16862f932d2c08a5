#include "adapters/etcd/gateway.h"

#include <gtest/gtest.h>

#include "adapters/etcd/quorum.h"
#include "adapters/etcd/record_codec.h"
#include "adapters/etcd/watch_parser.h"
#include "base/random.h"

namespace gemel::adapters::etcd {
namespace {

TEST(Base64, agrees_with_the_vectors_of_rfc_4648) {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text).value_or("error"), bytes);
  }
}

TEST(Base64, keeps_any_bytes) {
  Random random(11);
  for (int round = 0; round < 500; ++round) {
    std::string bytes(random.below(40), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    EXPECT_EQ(from_base64(to_base64(bytes)).value_or("error"), bytes);
  }
}

TEST(Base64, refuses_what_is_not_base64) {
  for (const char* bad : {"Z", "Zg=", "Zg", "Z===", "====", "Zm9v!m9v", "Zm=v", "Zg==Zg=="})
    EXPECT_FALSE(from_base64(bad)) << bad;
}

TEST(Gateway, renders_a_compare_and_swap_with_reads_on_both_sides) {
  Transaction transaction;
  transaction.compares = {{"/k", Revision{42}}, {"/h", Revision{}}};
  transaction.puts = {{"/k", "v"}};
  transaction.reads = {"/k", "/p/"};
  EXPECT_EQ(transaction_body(transaction),
            R"({"compare":[{"key":"L2s=","result":"EQUAL","target":"MOD","mod_revision":"42"},)"
            R"({"key":"L2g=","result":"EQUAL","target":"CREATE","create_revision":"0"}],)"
            R"("success":[{"request_put":{"key":"L2s=","value":"dg=="}},{"request_range":{"key":"L2s="}},)"
            R"({"request_range":{"key":"L3Av","range_end":"L3Aw"}}],)"
            R"("failure":[{"request_range":{"key":"L2s="}},{"request_range":{"key":"L3Av","range_end":"L3Aw"}}]})");
}

std::string found_body(const std::string& key, const std::string& value) {
  return R"({"header":{"member_id":"17","revision":"9","raft_term":"2"},"responses":[{"response_range":{"kvs":[{"key":")" +
         to_base64(key) + R"(","mod_revision":"8","version":"3","value":")" + to_base64(value) + R"("}]}}]})";
}

TEST(Gateway, reads_an_answer_with_absent_zero_fields) {
  const auto answer = parse_transaction(found_body("/k", "v"));
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_FALSE(answer->succeeded);
  EXPECT_EQ(answer->header.member_id, 17U);
  EXPECT_EQ(answer->header.revision, Revision{9});
  ASSERT_EQ(answer->found.size(), 1U);
  EXPECT_EQ(answer->found[0].value, "v");
  EXPECT_EQ(answer->found[0].mod_revision, Revision{8});
  EXPECT_EQ(answer->found[0].version, 3);
}

TEST(Gateway, refuses_answers_that_are_none) {
  for (const char* bad : {"", "{}", "[]", "garbage", R"({"error":"x"})", R"({"header":{}})"})
    EXPECT_FALSE(parse_transaction(bad)) << bad;
  EXPECT_FALSE(
      parse_transaction(R"({"header":{"raft_term":"2"},"responses":[{"response_range":{"kvs":[{"key":"!"}]}}]})"));
}

TEST(Gateway, makes_a_view_of_record_and_history_in_order) {
  const Keys keys{"/gemel/a"};
  core::Record record;
  record.epoch = Epoch{2};
  record.holder = NodeId{"db1"};
  record.members = {NodeId{"db1"}};
  const auto entry = [](std::uint64_t epoch) {
    core::HistoryEntry made;
    made.epoch = Epoch{epoch};
    made.node = NodeId{"db1"};
    return made;
  };
  const auto view = view_of(keys, {{keys.history(Epoch{10}), encode_history(entry(10)), Revision{3}, 1},
                                   {keys.history(Epoch{9}), encode_history(entry(9)), Revision{2}, 1},
                                   {keys.lead(), encode_record(record), Revision{5}, 4},
                                   {"/gemel/a/node/db1", "whatever", Revision{4}, 1}});
  ASSERT_TRUE(view) << view.error().to_string();
  EXPECT_EQ(view->record, (core::VersionedRecord{record, Revision{5}}));
  EXPECT_EQ(view->history, (std::vector{entry(9), entry(10)}));
  EXPECT_FALSE(view_of(keys, {{keys.history(Epoch{8}), encode_history(entry(9)), Revision{2}, 1}}));
  EXPECT_FALSE(view_of(keys, {{keys.lead(), "x", Revision{2}, 1}}));
}

std::string event_text(int revision) {
  return R"({"result":{"header":{"revision":")" + std::to_string(revision) +
         R"(","raft_term":"2"},"events":[{"kv":{"key":"L2s=",)" + R"("mod_revision":")" + std::to_string(revision) +
         R"(","version":"1","value":"dg=="}}]}})" + "\n";
}

TEST(WatchParser, finds_messages_however_the_stream_is_cut) {
  const std::string stream = R"({"result":{"header":{"revision":"2"},"created":true}})"
                             "\n" +
                             event_text(3) + event_text(4);
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    WatchParser parser;
    std::vector<WatchNews> all;
    for (std::size_t at = 0; at < stream.size(); at += size) {
      const auto news = parser.feed(std::string_view(stream).substr(at, size));
      ASSERT_TRUE(news) << news.error().to_string() << " at size " << size;
      all.insert(all.end(), news->begin(), news->end());
    }
    ASSERT_EQ(all.size(), 3U) << "size " << size;
    EXPECT_EQ(all[0].revision, Revision{2});
    EXPECT_TRUE(all[0].changed.empty());
    ASSERT_EQ(all[2].changed.size(), 1U);
    EXPECT_EQ(all[2].changed[0].value, "v");
    EXPECT_EQ(all[2].changed[0].mod_revision, Revision{4});
  }
}

TEST(WatchParser, reports_the_end_of_a_watch_and_garbage) {
  WatchParser cancelled;
  const auto end = cancelled.feed(R"({"result":{"header":{"revision":"2"},"canceled":true,"compact_revision":"9"}})");
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::cancelled);
  EXPECT_FALSE(cancelled.feed(event_text(3))) << "stays broken";
  WatchParser error;
  EXPECT_FALSE(error.feed(R"({"error":{"message":"no"}})"));
  WatchParser garbage;
  EXPECT_EQ(garbage.feed("<html>").error().code, ErrorCode::corrupt);
}

Probe probe(const std::string& name, std::uint64_t id, std::uint64_t leader, std::uint64_t term) {
  MemberStatus status;
  status.header = {id, Revision{5}, term};
  status.leader_id = leader;
  return {NodeId{name}, status};
}

TEST(Quorum, names_the_leader_a_majority_sees) {
  const auto quorum = summarize({probe("a", 1, 2, 7), probe("b", 2, 2, 7), {NodeId{"c"}, std::nullopt}});
  EXPECT_EQ(quorum,
            (Quorum{.reachable = 2, .total = 3, .has_leader = true, .leader = NodeId{"b"}, .silent = {NodeId{"c"}}}));
  EXPECT_TRUE(quorum.can_change());
}

TEST(Quorum, needs_a_majority_and_a_leader_of_the_newest_term) {
  EXPECT_FALSE(summarize({probe("a", 1, 1, 7), {NodeId{"b"}, {}}, {NodeId{"c"}, {}}}).can_change());
  EXPECT_FALSE(summarize({probe("a", 1, 0, 7), probe("b", 2, 0, 7), probe("c", 3, 0, 7)}).can_change());
  EXPECT_FALSE(summarize({probe("a", 1, 1, 6), probe("b", 2, 1, 6), probe("c", 3, 0, 7)}).can_change());
  EXPECT_FALSE(summarize({}).can_change());
}

}  // namespace
}  // namespace gemel::adapters::etcd
