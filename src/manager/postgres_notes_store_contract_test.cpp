// The shift log against a real PostgreSQL 15 on loopback, with restarts in the middle of writing.
#include "manager/postgres_notes_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <set>

#include "manager/retry.h"
#include "manager/run_task.h"
#include "support/local_postgres.h"

namespace gemel::manager {
namespace {

using namespace std::chrono_literals;
using testing_support::Postgres;

runtime::Task<Result<std::vector<std::string>>> given(std::vector<std::string> conninfos) { co_return conninfos; }

/// One server for all tests (initdb is slow), one database for each.
class NotesContract : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server() = std::make_unique<Postgres>(); }
  static void TearDownTestSuite() { server().reset(); }
  static std::unique_ptr<Postgres>& server() {
    static std::unique_ptr<Postgres> instance;
    return instance;
  }
  void SetUp() override {
    static int number = 0;
    database_ = fmt::format("notes{}", ++number);
    ASSERT_TRUE(postgres_.start());
    ASSERT_TRUE(postgres_.create_database(database_));
  }
  void TearDown() override { postgres_.stop("immediate"); }
  std::unique_ptr<NotesStore> make_store() { return make_store({postgres_.conninfo(database_)}); }
  std::unique_ptr<NotesStore> make_store(std::vector<std::string> conninfos) {
    return postgres_notes_store(
        loop_.get_executor(),
        {.conninfos = [conninfos](Duration) { return given(conninfos); }, .manager = "ccm1", .max_connections = 4});
  }
  Result<StoredNote> add(NotesStore& store, NewNote note) {
    return testing::run_task(loop_, store.add(std::move(note), 5s));
  }
  Result<std::vector<Note>> list(NotesStore& store, NotesQuery query) {
    return testing::run_task(loop_, store.list(query, 5s));
  }

  Postgres& postgres_ = *server();
  std::string database_;
  boost::asio::io_context loop_;
};

TEST_F(NotesContract, connects_with_the_next_password_when_the_present_one_is_refused) {
  const auto refused = postgres_.conninfo(database_) + " user=nobody_of_that_name";
  const auto store = make_store({refused, postgres_.conninfo(database_)});
  EXPECT_TRUE(add(*store, {"Zoë", "hello", "k1"}));
  EXPECT_FALSE(add(*make_store({refused}), {"Zoë", "hello", "k2"}));
}

TEST_F(NotesContract, keeps_a_note_once_per_key) {
  const auto store = make_store();
  const auto first = add(*store, {"Zoë", "it's \"quiet\"\n\\ 🚀", "k1"});
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_TRUE(first->is_new);
  EXPECT_EQ(first->note.text, "it's \"quiet\"\n\\ 🚀");
  EXPECT_TRUE(first->note.written_at.ends_with("Z"));
  const auto again = add(*store, {"Zoë", "it's \"quiet\"\n\\ 🚀", "k1"});
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->note.id, first->note.id);
  EXPECT_EQ(add(*store, {"Zoë", "other", "k1"}).error().code, ErrorCode::conflict);
  EXPECT_EQ(list(*store, {})->size(), 1U);
}

TEST_F(NotesContract, lists_newest_first_and_after_an_id) {
  const auto store = make_store();
  for (const auto* key : {"a", "b", "c"}) ASSERT_TRUE(add(*store, {"me", key, key}));
  const auto newest = list(*store, {.limit = 2, .after = {}});
  ASSERT_EQ(newest->size(), 2U);
  EXPECT_EQ(newest->at(0).text, "c");
  const auto after = list(*store, {.limit = 10, .after = newest->at(1).id});
  ASSERT_EQ(after->size(), 1U);
  EXPECT_EQ(after->at(0).text, "c");
}

TEST_F(NotesContract, two_managers_make_the_tables_at_the_same_time) {
  const auto one = make_store(), two = make_store();
  runtime::TaskScope scope(loop_.get_executor(), "test");
  std::optional<Result<StoredNote>> first, second;
  scope.spawn("one", testing::keep(one->add({"a", "t", "k1"}, 5s), &first));
  scope.spawn("two", testing::keep(two->add({"b", "t", "k2"}, 5s), &second));
  loop_.run();
  ASSERT_TRUE(first && first->has_value()) << first->error().to_string();
  ASSERT_TRUE(second && second->has_value()) << second->error().to_string();
}

TEST_F(NotesContract, more_callers_than_connections_wait_for_each_other) {
  const auto store = make_store();
  runtime::TaskScope scope(loop_.get_executor(), "test");
  std::vector<std::optional<Result<StoredNote>>> results(40);
  for (std::size_t index = 0; index < results.size(); ++index) {
    scope.spawn("add", testing::keep(store->add({"a", "t", fmt::format("k{}", index)}, 10s), &results[index]));
  }
  loop_.run();
  for (const auto& result : results) ASSERT_TRUE(result && result->has_value()) << result->error().to_string();
}

TEST_F(NotesContract, says_so_without_a_database_and_recovers) {
  const auto store = make_store();
  ASSERT_TRUE(postgres_.stop("immediate"));
  const auto refused = add(*store, {"a", "t", "k"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_FALSE(testing::run_task(loop_, store->ping(1s)));
  ASSERT_TRUE(postgres_.start());
  EXPECT_TRUE(testing::run_task(loop_, store->ping(5s)));
  EXPECT_TRUE(add(*store, {"a", "t", "k"}));
}

runtime::Task<Result<StoredNote>> attempt(NotesStore* store, NewNote note, Duration limit) {
  co_return co_await store->add(std::move(note), limit);
}

struct Writing {
  std::vector<std::string> acknowledged;
  unsigned failures = 0;
  unsigned attempts = 0;
  bool is_restarted = false;
};

runtime::Task<void> write_notes(NotesStore* store, Writing* writing, int writer, int count) {
  for (int index = 0; index < count; ++index) {
    const NewNote note{"writer", fmt::format("{}/{}", writer, index), fmt::format("key-{}-{}", writer, index)};
    // The policy of the manager with more time: this machine may be busy.
    const RetryPolicy policy{.total = 60s};
    const auto outcome =
        co_await retry<StoredNote>(policy, [store, note](Duration limit) { return attempt(store, note, limit); });
    writing->attempts += outcome.attempts;
    if (outcome.result) {
      writing->acknowledged.push_back(note.idempotency_key);
    } else {
      ++writing->failures;
    }
  }
}

/// As soon as some notes are written: kill the server with the writers in the middle, and start it again, three times.
runtime::Task<void> restart_server(Postgres* postgres, Writing* writing) {
  for (std::size_t round = 1; round <= 3; ++round) {
    while (writing->acknowledged.size() < round * 40) co_await runtime::sleep_for(1ms);
    bool is_good = false;
    co_await runtime::run_blocking(
        [postgres, &is_good] { is_good = postgres->stop("immediate") && postgres->start(); });
    EXPECT_TRUE(is_good);
  }
  writing->is_restarted = true;
}

TEST_F(NotesContract, restarts_lose_and_double_nothing) {
  const auto store = make_store();
  Writing writing;
  runtime::TaskScope scope(loop_.get_executor(), "test");
  constexpr int writers = 4, each = 100;
  for (int writer = 0; writer < writers; ++writer)
    scope.spawn("writer", write_notes(store.get(), &writing, writer, each));
  scope.spawn("restart", restart_server(&postgres_, &writing));
  loop_.run();
  EXPECT_TRUE(writing.is_restarted);
  EXPECT_EQ(writing.failures, 0U);
  EXPECT_EQ(writing.acknowledged.size(), static_cast<std::size_t>(writers * each));
  EXPECT_GT(writing.attempts, static_cast<unsigned>(writers * each)) << "the restarts met no write";
  const auto all = list(*store, {.limit = 10000, .after = 0});
  ASSERT_TRUE(all) << all.error().to_string();
  std::multiset<std::string> keys;
  for (const auto& note : *all) keys.insert(note.idempotency_key);
  EXPECT_EQ(keys.size(), static_cast<std::size_t>(writers * each));
  for (const auto& key : writing.acknowledged) EXPECT_EQ(keys.count(key), 1U) << key;
}

}  // namespace
}  // namespace gemel::manager
