// Members of a real cluster that lose their data, or come to it later.
#include <gtest/gtest.h>

#include "adapters/etcd/member_join.h"
#include "adapters/etcd/test_cluster.h"

namespace gemel::adapters::etcd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class MemberJoinContract : public testing::Test {
 protected:
  std::unique_ptr<EtcdMember> started(std::size_t number) {
    auto member = EtcdMember::create(cluster.loop.executor(), cluster.configs[number]);
    EXPECT_TRUE(member);
    (*member)->start();
    return std::move(*member);
  }
  void stop(std::size_t number) { EXPECT_TRUE(cluster.loop.wait(cluster.members[number]->stop(seconds(2)))); }
  void lose_data(std::size_t number) { std::filesystem::remove_all(cluster.configs[number].data_directory); }
  std::uint64_t id_of(std::size_t number) {
    const auto status = cluster.loop.wait(cluster.members[number]->local_status(seconds(1)));
    return status ? status->header.member_id : 0;
  }
  bool remembers(std::size_t number) {
    return cluster.loop.run_until([&] { return has_run_before(cluster.configs[number]); }, seconds(10));
  }
  /// A write that needs a majority.
  bool writes(EtcdStore& store) {
    return cluster.loop.wait(store.claim_intent("bootstrap", "somebody", seconds(5))).has_value();
  }

  TestCluster cluster{3};
};

TEST_F(MemberJoinContract, a_member_that_lost_its_data_comes_back_as_another_one) {
  cluster.start();
  const auto former = id_of(1);
  ASSERT_TRUE(remembers(1));
  stop(1);
  lose_data(1);
  cluster.members[1] = started(1);
  cluster.wait_ready();
  EXPECT_NE(id_of(1), former);
  EXPECT_NE(id_of(1), 0U);
  // It counts: a majority with it and without another one.
  stop(2);
  const auto store = cluster.open("after");
  EXPECT_TRUE(writes(*store));
  cluster.close(*store);
}

TEST_F(MemberJoinContract, a_member_that_lost_its_data_waits_while_nobody_answers) {
  cluster.start();
  ASSERT_TRUE(remembers(0) && remembers(1) && remembers(2));
  for (std::size_t number = 0; number < 3; ++number) stop(number);
  lose_data(1);
  cluster.members[1] = started(1);
  cluster.loop.run_until([] { return false; }, seconds(2));
  EXPECT_EQ(cluster.members[1]->starts(), 0) << "it would vote with a memory that it does not have";
  cluster.members[0] = started(0);
  cluster.members[2] = started(2);
  cluster.wait_ready();
}

TEST_F(MemberJoinContract, a_cluster_of_one_grows_to_three) {
  const auto all = cluster.configs[0].peers;
  auto alone = cluster.configs[0];
  alone.peers = {all[0]};
  auto first = EtcdMember::create(cluster.loop.executor(), alone);
  ASSERT_TRUE(first);
  (*first)->start();
  cluster.members.push_back(std::move(*first));
  ASSERT_TRUE(cluster.loop.run_until([&] { return cluster.members[0]->is_running(); }, seconds(5)));
  ASSERT_EQ(cluster.leader(), 0U);
  cluster.members.push_back(started(1));
  cluster.members.push_back(started(2));
  cluster.wait_ready();
  stop(0);
  const auto store = cluster.open("after");
  EXPECT_TRUE(writes(*store));
  cluster.close(*store);
}

}  // namespace
}  // namespace gemel::adapters::etcd
