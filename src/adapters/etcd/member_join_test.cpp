// What the others' list means for a member without data. Against real members: member_join_contract_test.cpp.
#include "adapters/etcd/member_join.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gemel::adapters::etcd {
namespace {

MemberConfig lb1() {
  MemberConfig config;
  config.site = "demo";
  config.name = NodeId{"lb1"};
  config.address = "10.1.0.31";
  config.peers = {{NodeId{"ccm1"}, "10.1.0.11"}, {NodeId{"ccm2"}, "10.1.0.12"}, {NodeId{"lb1"}, "10.1.0.31"}};
  return config;
}

MemberEntry entry(std::uint64_t id, const std::string& name, const std::string& address, bool has_run) {
  return {id, name, {"https://" + address + ":2380"}, has_run};
}

std::vector<MemberEntry> with(const MemberEntry& own) {
  return {entry(1, "ccm1", "10.1.0.11", true), entry(2, "ccm2", "10.1.0.12", true), own};
}

TEST(MemberJoin, begins_with_the_cluster_that_was_made_with_it) {
  EXPECT_EQ(plan_join(with(entry(3, "lb1", "10.1.0.31", false)), lb1()).step, JoinStep::begin);
}

TEST(MemberJoin, replaces_itself_when_it_has_run_before) {
  const auto plan = plan_join(with(entry(3, "lb1", "10.1.0.31", true)), lb1());
  EXPECT_EQ(plan.step, JoinStep::replace);
  EXPECT_EQ(plan.old_id, 3U);
  // Also when it has another address now.
  EXPECT_EQ(plan_join(with(entry(4, "lb1", "10.1.0.99", true)), lb1()).old_id, 4U);
}

TEST(MemberJoin, is_added_to_a_cluster_that_does_not_know_it_and_goes_on_when_it_was) {
  auto listed = with(entry(3, "lb1", "10.1.0.31", true));
  listed.pop_back();
  EXPECT_EQ(plan_join(listed, lb1()).step, JoinStep::add);
  EXPECT_EQ(plan_join(with(entry(3, "", "10.1.0.31", false)), lb1()).step, JoinStep::follow);
}

TEST(MemberJoin, names_members_that_have_no_name_yet_by_the_configuration) {
  const std::vector<MemberEntry> listed{entry(1, "ccm1", "10.1.0.11", true), entry(2, "", "10.1.0.12", false),
                                        entry(255, "", "10.1.0.77", false), entry(3, "", "10.1.0.31", false)};
  EXPECT_EQ(initial_cluster(listed, lb1()),
            "ccm1=https://10.1.0.11:2380,ccm2=https://10.1.0.12:2380,member-ff=https://10.1.0.77:2380,"
            "lb1=https://10.1.0.31:2380");
}

TEST(MemberJoin, the_beginning_is_no_reason_to_replace_a_running_member) {
  const auto config = lb1();
  const auto joined = member_arguments(config, {true, "ccm1=https://10.1.0.11:2380,lb1=https://10.1.0.31:2380"});
  EXPECT_THAT(joined, testing::Contains("--initial-cluster-state=existing"));
  EXPECT_TRUE(is_same_member(joined, member_arguments(config)));
  auto other = config;
  other.heartbeat = std::chrono::milliseconds(20);
  EXPECT_FALSE(is_same_member(joined, member_arguments(other)));
}

TEST(MemberJoin, reads_the_list_of_members) {
  const auto members = parse_members(
      R"({"header":{"raft_term":"2"},"members":[{"ID":"7","name":"ccm1","peerURLs":["https://10.1.0.11:2380"],"clientURLs":["https://10.1.0.11:2379"]},
          {"ID":"8","peerURLs":["https://10.1.0.12:2380"]}]})");
  ASSERT_TRUE(members);
  ASSERT_EQ(members->size(), 2U);
  EXPECT_TRUE(members->front().has_run);
  EXPECT_EQ(members->front().peer_urls, std::vector<std::string>{"https://10.1.0.11:2380"});
  EXPECT_FALSE(members->back().has_run);
  EXPECT_EQ(members->back().name, "");
}

}  // namespace
}  // namespace gemel::adapters::etcd
