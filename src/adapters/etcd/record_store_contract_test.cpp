// What every RecordStore keeps to: the same tests for FakeStore and for EtcdStore on a real cluster.
#include <gtest/gtest.h>

#include "adapters/etcd/fake_store.h"
#include "adapters/etcd/test_cluster.h"

namespace gemel::adapters::etcd {
namespace {

constexpr Duration limit = std::chrono::seconds(2);

core::Record record_of(std::uint64_t epoch, const std::string& holder, const std::string& token) {
  core::Record record;
  record.epoch = Epoch{epoch};
  record.holder = NodeId{holder};
  record.members = {NodeId{"db1"}, NodeId{"db2"}};
  record.members.insert(record.holder);
  record.writer = record.holder;
  record.token = token;
  record.system_id = "1";
  record.cluster_id = "test";
  return record;
}

core::HistoryEntry entry_of(std::uint64_t epoch, const std::string& node) {
  core::HistoryEntry entry;
  entry.epoch = Epoch{epoch};
  entry.node = NodeId{node};
  return entry;
}

struct FakeWorld {
  static void set_up() {}
  static void tear_down() {}
  void begin() { backend = std::make_shared<FakeBackend>(); }
  std::unique_ptr<RecordStore> open() { return std::make_unique<FakeStore>(backend); }
  void close(RecordStore& /*store*/) {}
  WaitingLoop& loop() { return loop_; }

  std::shared_ptr<FakeBackend> backend;
  WaitingLoop loop_;
};

struct EtcdWorld {
  static inline std::unique_ptr<TestCluster> cluster;
  static inline int sites = 0;
  static void set_up() {
    cluster = std::make_unique<TestCluster>();
    cluster->start();
  }
  static void tear_down() { cluster.reset(); }
  void begin() { site = "contract" + std::to_string(++sites); }
  std::unique_ptr<RecordStore> open() { return cluster->open(site); }
  void close(RecordStore& store) { cluster->close(dynamic_cast<EtcdStore&>(store)); }
  WaitingLoop& loop() { return cluster->loop; }

  std::string site;
};

template <typename World>
class StoreContract : public testing::Test {
 protected:
  static void SetUpTestSuite() { World::set_up(); }
  static void TearDownTestSuite() { World::tear_down(); }
  void SetUp() override {
    world.begin();
    store = world.open();
    other = world.open();
  }
  void TearDown() override {
    world.close(*store);
    world.close(*other);
  }
  template <typename T>
  T wait(Task<T> task) {
    return world.loop().wait(std::move(task));
  }
  /// Creates the first record, and gives its revision.
  Revision created() {
    const auto answer = wait(store->create(record_of(1, "db1", "first"), limit));
    EXPECT_EQ(answer.certainty, Certainty::done) << answer.reason;
    return answer.revision;
  }

  World world;
  std::unique_ptr<RecordStore> store;
  std::unique_ptr<RecordStore> other;
};

using Worlds = testing::Types<FakeWorld, EtcdWorld>;
TYPED_TEST_SUITE(StoreContract, Worlds);

TYPED_TEST(StoreContract, is_empty_at_first) {
  const auto view = this->wait(this->store->read(limit));
  ASSERT_TRUE(view) << view.error().to_string();
  EXPECT_EQ(*view, core::StoreView{});
}

TYPED_TEST(StoreContract, creates_once_with_the_first_history_entry) {
  const Revision revision = this->created();
  const auto second = this->wait(this->other->create(record_of(1, "db2", "second"), limit));
  EXPECT_EQ(second.certainty, Certainty::refused);
  ASSERT_TRUE(second.seen);
  const auto view = this->wait(this->other->read(limit));
  ASSERT_TRUE(view);
  EXPECT_EQ(*view, *second.seen);
  ASSERT_TRUE(view->record);
  EXPECT_EQ(view->record->record, record_of(1, "db1", "first"));
  EXPECT_EQ(view->record->revision, revision);
  EXPECT_EQ(view->history, std::vector{entry_of(1, "db1")});
}

TYPED_TEST(StoreContract, swaps_at_the_expected_revision_only) {
  const Revision first = this->created();
  const auto swapped = this->wait(this->other->swap(first, record_of(1, "db1", "a"), std::nullopt, limit));
  ASSERT_EQ(swapped.certainty, Certainty::done) << swapped.reason;
  EXPECT_GT(swapped.revision, first);
  const auto late = this->wait(this->store->swap(first, record_of(1, "db1", "b"), std::nullopt, limit));
  EXPECT_EQ(late.certainty, Certainty::refused) << late.reason;
  ASSERT_TRUE(late.seen && late.seen->record);
  EXPECT_EQ(late.seen->record->record.token, "a");
  EXPECT_EQ(late.seen->record->revision, swapped.revision);
}

TYPED_TEST(StoreContract, takes_over_with_a_new_history_entry_only) {
  const Revision first = this->created();
  const auto again = this->wait(this->other->swap(first, record_of(2, "db2", "a"), entry_of(1, "db2"), limit));
  EXPECT_EQ(again.certainty, Certainty::refused) << "the entry of epoch 1 exists";
  const auto taken = this->wait(this->other->swap(first, record_of(2, "db2", "b"), entry_of(2, "db2"), limit));
  ASSERT_EQ(taken.certainty, Certainty::done) << taken.reason;
  const auto view = this->wait(this->store->read(limit));
  ASSERT_TRUE(view && view->record);
  EXPECT_EQ(view->record->record.holder, NodeId{"db2"});
  EXPECT_EQ(view->history, (std::vector{entry_of(1, "db1"), entry_of(2, "db2")}));
}

TYPED_TEST(StoreContract, completes_its_own_history_entry_again_and_again) {
  this->created();
  core::HistoryEntry complete = entry_of(1, "db1");
  complete.complete = true;
  complete.timeline = 3;
  complete.switch_lsn = Lsn{77};
  for (int round = 0; round < 2; ++round) {
    const auto answer = this->wait(this->store->complete_history(complete, limit));
    EXPECT_EQ(answer.certainty, Certainty::done) << answer.reason;
  }
  EXPECT_EQ(this->wait(this->other->read(limit))->history, std::vector{complete});
  core::HistoryEntry foreign = complete;
  foreign.node = NodeId{"db2"};
  EXPECT_EQ(this->wait(this->store->complete_history(foreign, limit)).certainty, Certainty::refused);
  EXPECT_EQ(this->wait(this->store->complete_history(entry_of(9, "db1"), limit)).certainty, Certainty::refused);
  EXPECT_EQ(this->wait(this->other->read(limit))->history, std::vector{complete});
}

TYPED_TEST(StoreContract, gives_an_intent_to_one_owner) {
  EXPECT_EQ(this->wait(this->store->claim_intent("bootstrap", "db1", limit)).value_or("?"), "db1");
  EXPECT_EQ(this->wait(this->other->claim_intent("bootstrap", "db2", limit)).value_or("?"), "db1");
  EXPECT_EQ(this->wait(this->store->claim_intent("bootstrap", "db1", limit)).value_or("?"), "db1");
  EXPECT_EQ(this->wait(this->other->claim_intent("upgrade", "db2", limit)).value_or("?"), "db2");
}

TYPED_TEST(StoreContract, lets_exactly_one_of_two_concurrent_swaps_win) {
  Revision revision = this->created();
  int wins[2] = {0, 0};
  for (int round = 0; round < 100; ++round) {
    const std::string tokens[2] = {"a" + std::to_string(round), "b" + std::to_string(round)};
    std::optional<SwapAnswer> answers[2];
    this->world.loop().start(this->store->swap(revision, record_of(1, "db1", tokens[0]), std::nullopt, limit),
                             &answers[0]);
    this->world.loop().start(this->other->swap(revision, record_of(1, "db2", tokens[1]), std::nullopt, limit),
                             &answers[1]);
    ASSERT_TRUE(this->world.loop().run_until([&] { return answers[0] && answers[1]; }, std::chrono::seconds(10)));
    const bool is_first = answers[0]->certainty == Certainty::done;
    const SwapAnswer& winner = is_first ? *answers[0] : *answers[1];
    const SwapAnswer& loser = is_first ? *answers[1] : *answers[0];
    ASSERT_EQ(winner.certainty, Certainty::done) << winner.reason;
    ASSERT_EQ(loser.certainty, Certainty::refused) << loser.reason;
    ASSERT_TRUE(loser.seen && loser.seen->record);
    EXPECT_EQ(loser.seen->record->record.token, tokens[is_first ? 0 : 1]);
    revision = winner.revision;
    ++wins[is_first ? 0 : 1];
  }
  EXPECT_EQ(wins[0] + wins[1], 100);
}

TYPED_TEST(StoreContract, hints_at_changes_of_others) {
  Revision revision = this->created();
  std::vector<core::StoreView> hints;
  this->store->watch([&hints](core::StoreView view) { hints.push_back(std::move(view)); });
  // The watch takes its time to begin, and what came before is not told: so change until one is.
  const TimePoint until = runtime::boot_now() + std::chrono::seconds(10);
  for (int round = 0; hints.empty() && runtime::boot_now() < until; ++round) {
    const auto swapped =
        this->wait(this->other->swap(revision, record_of(1, "db1", "w" + std::to_string(round)), std::nullopt, limit));
    ASSERT_EQ(swapped.certainty, Certainty::done) << swapped.reason;
    revision = swapped.revision;
    this->world.loop().run_until([&] { return !hints.empty(); }, std::chrono::milliseconds(100));
  }
  ASSERT_FALSE(hints.empty());
  ASSERT_TRUE(hints.back().record);
  EXPECT_EQ(hints.back().record->revision, revision);
}

TYPED_TEST(StoreContract, sees_a_quorum_that_can_change) {
  EXPECT_TRUE(
      this->world.loop().run_until([&] { return this->store->quorum().can_change(); }, std::chrono::seconds(5)));
  EXPECT_EQ(this->store->quorum().total, 3);
}

class FakeFaults : public testing::Test {
 protected:
  void SetUp() override { revision = loop.wait(store.create(record_of(1, "db1", "first"), limit)).revision; }
  SwapAnswer swap(const std::string& token) {
    return loop.wait(store.swap(revision, record_of(1, "db1", token), std::nullopt, limit));
  }
  std::string token_there() { return loop.wait(store.read(limit))->record->record.token; }

  WaitingLoop loop;
  FakeStore store;
  Revision revision;
};

TEST_F(FakeFaults, happen_once_as_asked) {
  store.fail_next(FakeFault::lose_request);
  EXPECT_EQ(swap("a").certainty, Certainty::unknown);
  EXPECT_EQ(token_there(), "first");
  store.fail_next(FakeFault::not_sent);
  EXPECT_EQ(swap("a").certainty, Certainty::refused);
  store.fail_next(FakeFault::lose_answer);
  EXPECT_EQ(swap("b").certainty, Certainty::unknown);
  EXPECT_EQ(token_there(), "b");
  EXPECT_EQ(swap("c").certainty, Certainty::refused);
}

TEST_F(FakeFaults, deliver_a_late_request_if_it_still_fits) {
  store.fail_next(FakeFault::delay);
  EXPECT_EQ(swap("late").certainty, Certainty::unknown);
  EXPECT_EQ(token_there(), "first");
  store.backend().deliver_delayed();
  EXPECT_EQ(token_there(), "late");
  store.fail_next(FakeFault::delay);
  EXPECT_EQ(swap("stale").certainty, Certainty::unknown);
  store.backend().deliver_delayed();
  EXPECT_EQ(token_there(), "late");
}

TEST_F(FakeFaults, lose_the_quorum) {
  store.backend().has_quorum = false;
  EXPECT_EQ(swap("a").certainty, Certainty::unknown);
  EXPECT_EQ(loop.wait(store.read(limit)).error().code, ErrorCode::timed_out);
  EXPECT_FALSE(store.quorum().can_change());
  store.backend().has_quorum = true;
  EXPECT_EQ(swap("a").certainty, Certainty::done);
}

}  // namespace
}  // namespace gemel::adapters::etcd
