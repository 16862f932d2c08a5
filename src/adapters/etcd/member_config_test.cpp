#include "adapters/etcd/member_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "adapters/etcd/etcd_member.h"
#include "runtime/files.h"

namespace gemel::adapters::etcd {
namespace {

using testing::Contains;
using testing::HasSubstr;

MemberConfig example() {
  MemberConfig config;
  config.site = "demo";
  config.name = NodeId{"ccm1"};
  config.address = "10.1.0.11";
  config.peers = {{NodeId{"ccm1"}, "10.1.0.11"}, {NodeId{"ccm2"}, "10.1.0.12"}, {NodeId{"lb1"}, "fd00::21"}};
  return config;
}

TEST(MemberConfig, renders_the_command_line) {
  const auto arguments = member_arguments(example());
  EXPECT_EQ(arguments.front(), "/usr/bin/etcd");
  for (const char* wanted :
       {"--heartbeat-interval=50", "--election-timeout=500", "--pre-vote=true", "--client-cert-auth=true",
        "--peer-client-cert-auth=true", "--listen-client-urls=https://10.1.0.11:2379",
        "--listen-peer-urls=https://10.1.0.11:2380", "--initial-cluster-token=gemel-demo",
        "--initial-cluster=ccm1=https://10.1.0.11:2380,ccm2=https://10.1.0.12:2380,lb1=https://[fd00::21]:2380",
        "--listen-metrics-urls=http://127.0.0.1:2381", "--auto-compaction-retention=10m",
        "--key-file=/var/lib/gemel/etcd-tls/server.key", "--trusted-ca-file=/var/lib/gemel/etcd-tls/client-ca.crt"})
    EXPECT_THAT(arguments, Contains(std::string(wanted)));
  for (const std::string& argument : arguments) EXPECT_THAT(argument, testing::Not(HasSubstr("0.0.0.0")));
}

TEST(MemberConfig, finds_every_mistake) {
  EXPECT_TRUE(check_member(example()).empty());
  MemberConfig config = example();
  config.peers.pop_back();
  config.site.clear();
  config.election = std::chrono::milliseconds(100);
  config.data_directory = "etcd";
  config.address = "10.1.0.99";
  EXPECT_EQ(check_member(config).size(), 5U);
  config = example();
  config.name = NodeId{"db1"};
  EXPECT_EQ(check_member(config).size(), 1U);
}

TEST(EtcdMember, pauses_longer_after_each_short_run) {
  using std::chrono::milliseconds, std::chrono::seconds;
  Duration pause{0};
  std::vector<std::int64_t> pauses;
  for (int run = 0; run < 8; ++run) {
    pause = next_pause(pause, milliseconds(10));
    pauses.push_back(std::chrono::duration_cast<milliseconds>(pause).count());
  }
  EXPECT_EQ(pauses, (std::vector<std::int64_t>{100, 200, 400, 800, 1600, 3200, 5000, 5000}));
  EXPECT_EQ(next_pause(pause, seconds(30)), Duration(milliseconds(100)));
}

class MemberFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "gemel-etcd-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    config_ = example();
    config_.data_directory = folder_ / "etcd";
    config_.user = is_root() ? std::optional<std::string>("nobody") : std::nullopt;
    const auto file = [this](const std::string& name) {
      std::ofstream(folder_ / name) << name;
      return folder_ / name;
    };
    config_.server_tls = {file("ca"), file("server.crt"), file("server.key")};
    config_.peer_tls = {file("ca"), file("peer.crt"), file("peer.key")};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static bool is_root() { return geteuid() == 0; }

  std::filesystem::path folder_;
  MemberConfig config_;
};

TEST_F(MemberFiles, copies_the_keys_for_the_user_alone) {
  ASSERT_TRUE(install_tls(config_));
  ASSERT_TRUE(install_tls(config_)) << "a second time";
  struct stat key{}, directory{}, original{};
  ASSERT_EQ(stat((tls_directory(config_) / "server.key").c_str(), &key), 0);
  ASSERT_EQ(stat(tls_directory(config_).c_str(), &directory), 0);
  ASSERT_EQ(stat(config_.server_tls.key.c_str(), &original), 0);
  EXPECT_EQ(key.st_mode & 0777U, 0600U);
  EXPECT_EQ(directory.st_mode & 0777U, 0750U);
  EXPECT_EQ(directory.st_uid, geteuid());
  EXPECT_EQ(original.st_uid, geteuid());
  if (config_.user) EXPECT_NE(key.st_uid, geteuid());
  EXPECT_EQ(runtime::read_file(tls_directory(config_) / "server.key").value_or(""), "server.key");
  std::ofstream(config_.server_tls.key) << "renewed";
  ASSERT_TRUE(install_tls(config_));
  EXPECT_EQ(runtime::read_file(tls_directory(config_) / "server.key").value_or(""), "renewed");
}

TEST_F(MemberFiles, other_authorities_make_another_member) {
  const auto first = install_tls(config_);
  ASSERT_TRUE(first);
  auto before = config_;
  before.authority_version = *first;
  EXPECT_EQ(runtime::read_file(client_authority_file(before)).value_or(""), "ca");
  std::ofstream(config_.server_tls.certificate) << "renewed";
  EXPECT_EQ(install_tls(config_).value_or(""), *first) << "certificates are read at each connection";
  std::ofstream(config_.server_tls.ca, std::ios::app) << "another";
  auto after = config_;
  after.authority_version = install_tls(config_).value_or("");
  EXPECT_FALSE(is_same_member(member_arguments(before), member_arguments(after)));
  EXPECT_EQ(runtime::read_file(peer_authority_file(after)).value_or(""), "caanother");
  EXPECT_FALSE(std::filesystem::exists(client_authority_file(before)));
}

TEST_F(MemberFiles, says_what_is_missing) {
  config_.peer_tls.key = folder_ / "absent";
  EXPECT_EQ(install_tls(config_).error().code, ErrorCode::not_found);
  config_.user = "gemel-no-such-user";
  EXPECT_EQ(install_tls(config_).error().code, ErrorCode::not_found);
}

TEST_F(MemberFiles, makes_a_private_data_directory_and_refuses_a_link) {
  ASSERT_TRUE(prepare_data_directory(config_));
  struct stat directory{};
  ASSERT_EQ(stat(config_.data_directory.c_str(), &directory), 0);
  EXPECT_EQ(directory.st_mode & 0777U, 0700U);
  std::filesystem::remove(config_.data_directory);
  std::filesystem::create_directory(folder_ / "elsewhere");
  std::filesystem::create_directory_symlink(folder_ / "elsewhere", config_.data_directory);
  EXPECT_EQ(prepare_data_directory(config_).error().code, ErrorCode::invalid);
}

}  // namespace
}  // namespace gemel::adapters::etcd
