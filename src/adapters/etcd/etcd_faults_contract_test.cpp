// EtcdStore and EtcdMember while members of a real cluster freeze, die and come back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>

#include "adapters/etcd/test_cluster.h"
#include "runtime/child_process.h"

namespace gemel::adapters::etcd {
namespace {

using std::chrono::milliseconds;
constexpr Duration attempt = milliseconds(300);  // as the protocol's T_etcd
constexpr Duration slack = milliseconds(150);    // for a loaded machine

core::Record record_of(const std::string& token) {
  core::Record record;
  record.epoch = Epoch{1};
  record.holder = NodeId{"db1"};
  record.members = {NodeId{"db1"}};
  record.token = token;
  return record;
}

double in_ms(Duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

/// Median and 95th percentile, printed: the figures of the report.
Duration report(const std::string& what, std::vector<Duration> times) {
  std::ranges::sort(times);
  const Duration median = times[times.size() / 2];
  std::printf("[ latency  ] %s: median %.2f ms, p95 %.2f ms, max %.2f ms (%zu)\n", what.c_str(), in_ms(median),
              in_ms(times[times.size() * 95 / 100]), in_ms(times.back()), times.size());
  return median;
}

class EtcdFaults : public testing::Test {
 protected:
  static inline std::unique_ptr<TestCluster> cluster;
  static inline int sites = 0;
  static void SetUpTestSuite() {
    cluster = std::make_unique<TestCluster>();
    cluster->start();
  }
  static void TearDownTestSuite() { cluster.reset(); }
  void SetUp() override {
    store = cluster->open("faults" + std::to_string(++sites));
    const auto answer = cluster->loop.wait(store->create(record_of("first"), std::chrono::seconds(2)));
    ASSERT_EQ(answer.certainty, Certainty::done) << answer.reason;
    revision = answer.revision;
  }
  void TearDown() override {
    cluster->close(*store);
    cluster->wait_ready();
  }
  SwapAnswer swap(const std::string& token, Duration limit = attempt) {
    return cluster->loop.wait(store->swap(revision, record_of(token), std::nullopt, limit));
  }
  /// With patience: a disk that stands still for a moment must show in one time, not as an unknown outcome.
  std::vector<Duration> swap_times(int count) {
    std::vector<Duration> times;
    for (int round = 0; round < count; ++round) {
      const TimePoint begin = runtime::boot_now();
      const auto answer = swap("t" + std::to_string(round), std::chrono::seconds(2));
      times.push_back(runtime::boot_now() - begin);
      EXPECT_EQ(answer.certainty, Certainty::done) << answer.reason;
      if (answer.certainty == Certainty::done) revision = answer.revision;
    }
    return times;
  }
  /// Tries until a swap is done, as a controller would; the time it took.
  Duration time_until_done(const std::string& token) {
    const TimePoint begin = runtime::boot_now();
    while (runtime::boot_now() - begin < std::chrono::seconds(10)) {
      const auto answer = swap(token);
      if (answer.certainty == Certainty::done) return runtime::boot_now() - begin;
      cluster->loop.run_until([] { return false; }, milliseconds(5));
    }
    ADD_FAILURE() << "no swap succeeded in 10 s";
    return std::chrono::seconds(10);
  }
  std::size_t follower() { return (cluster->leader() + 1) % 3; }

  std::unique_ptr<EtcdStore> store;
  Revision revision;
};

TEST_F(EtcdFaults, costs_a_few_milliseconds_when_all_is_well) {
  EXPECT_LT(report("swap, three voters", swap_times(100)), milliseconds(50));
  std::vector<Duration> reads;
  for (int round = 0; round < 100; ++round) {
    const TimePoint begin = runtime::boot_now();
    ASSERT_TRUE(cluster->loop.wait(store->read(attempt)));
    reads.push_back(runtime::boot_now() - begin);
  }
  EXPECT_LT(report("read, three voters", reads), milliseconds(50));
}

TEST_F(EtcdFaults, loses_no_time_to_a_frozen_voter) {
  const std::size_t frozen = follower();
  cluster->signal(frozen, SIGSTOP);
  const Duration median = report("swap, one voter frozen", swap_times(30));
  cluster->signal(frozen, SIGCONT);
  EXPECT_LT(median, milliseconds(50));
}

TEST_F(EtcdFaults, proves_a_refusal_while_a_voter_is_frozen) {
  const Revision old = revision;
  swap_times(1);
  const std::size_t frozen = follower();
  cluster->signal(frozen, SIGSTOP);
  revision = old;
  const TimePoint begin = runtime::boot_now();
  const auto answer = swap("late");
  const Duration time = runtime::boot_now() - begin;
  cluster->signal(frozen, SIGCONT);
  EXPECT_EQ(answer.certainty, Certainty::refused) << answer.reason;
  EXPECT_LT(time, attempt) << "the version counter proves it without the frozen voter's answer";
}

TEST_F(EtcdFaults, ends_in_time_without_quorum_and_resolves_the_late_write_by_its_token) {
  const std::size_t leader = cluster->leader();
  const std::size_t frozen[2] = {(leader + 1) % 3, (leader + 2) % 3};
  for (const std::size_t member : frozen) cluster->signal(member, SIGSTOP);
  const TimePoint begin = runtime::boot_now();
  const auto answer = swap("in doubt");
  const Duration swap_time = runtime::boot_now() - begin;
  const auto view = cluster->loop.wait(store->read(attempt));
  const Duration both = runtime::boot_now() - begin;
  const bool could_tell =
      cluster->loop.run_until([&] { return !store->quorum().can_change(); }, std::chrono::seconds(5));
  for (const std::size_t member : frozen) cluster->signal(member, SIGCONT);
  EXPECT_EQ(answer.certainty, Certainty::unknown);
  EXPECT_LT(swap_time, attempt + slack);
  ASSERT_FALSE(view);
  EXPECT_LT(both, 2 * (attempt + slack));
  EXPECT_TRUE(could_tell) << "quorum() must say that nothing can be changed";
  // The leader had it in its log, so it is applied when the others are back; a new attempt from the old revision can
  // only be refused then, or win in its place: never both.
  const auto second = [&] {
    SwapAnswer last;
    for (int round = 0; round < 50 && last.certainty == Certainty::unknown; ++round) last = swap("second");
    return last;
  }();
  const auto after = cluster->loop.wait(store->read(std::chrono::seconds(2)));
  ASSERT_TRUE(after && after->record);
  if (second.certainty == Certainty::refused)
    EXPECT_EQ(after->record->record.token, "in doubt");
  else
    EXPECT_EQ(after->record->record.token, "second");
  EXPECT_NE(second.certainty, Certainty::unknown) << second.reason;
}

TEST_F(EtcdFaults, survives_the_death_of_the_leader) {
  std::vector<Duration> times;
  for (int round = 0; round < 3; ++round) {
    const std::size_t leader = cluster->leader();
    const int starts = cluster->members[leader]->starts();
    cluster->signal(leader, SIGKILL);
    times.push_back(time_until_done("k" + std::to_string(round)));
    revision = cluster->loop.wait(store->read(std::chrono::seconds(2)))->record->revision;
    EXPECT_TRUE(
        cluster->loop.run_until([&] { return cluster->members[leader]->starts() > starts; }, std::chrono::seconds(10)));
    cluster->wait_ready();
  }
  EXPECT_LT(report("leader killed, first swap done", times), std::chrono::seconds(5));
}

TEST_F(EtcdFaults, moves_the_leadership_where_it_may_be) {
  const std::size_t leader = cluster->leader();
  const std::size_t avoided = (leader + 1) % 3;
  const std::size_t target = (leader + 2) % 3;
  const auto moved = cluster->loop.wait(
      cluster->members[leader]->move_leader_away({cluster->configs[avoided].name}, std::chrono::seconds(5)));
  ASSERT_TRUE(moved) << moved.error().to_string();
  EXPECT_EQ(cluster->leader(), target);
  EXPECT_TRUE(cluster->loop.wait(cluster->members[leader]->move_leader_away({}, std::chrono::seconds(5))))
      << "nothing to do: it does not lead";
  EXPECT_EQ(cluster->leader(), target);
  EXPECT_TRUE(cluster->loop.run_until([&] { return store->quorum().leader == cluster->configs[target].name; },
                                      std::chrono::seconds(5)));
}

TEST_F(EtcdFaults, refuses_a_client_without_a_certificate) {
  const auto& config = cluster->configs[0];
  const auto tls = runtime::TlsClientContext::load({config.client_tls.ca, {}, {}});
  ASSERT_TRUE(tls);
  runtime::HttpClient client(
      cluster->loop.executor(),
      {.address = config.address, .port = config.client_port, .server_name = {}, .local_socket = {}}, *tls);
  const auto answer =
      cluster->loop.wait(client.call({"POST", "/v3/maintenance/status", {}, "{}"}, std::chrono::seconds(2)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::denied) << answer.error().to_string();
}

/// A cgroup2 directory of the test's own, in a mount of its own.
class CgroupMount {
 public:
  CgroupMount() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gemel-cgroup-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) return;
    mount_point_ = pattern;
    is_mounted_ = mount("none", mount_point_.c_str(), "cgroup2", 0, nullptr) == 0;
  }
  ~CgroupMount() {
    if (is_mounted_) {
      rmdir(directory().c_str());
      umount2(mount_point_.c_str(), MNT_DETACH);
    }
    rmdir(mount_point_.c_str());
  }
  CgroupMount(const CgroupMount&) = delete;
  CgroupMount& operator=(const CgroupMount&) = delete;
  [[nodiscard]] bool is_mounted() const { return is_mounted_; }
  [[nodiscard]] std::filesystem::path directory() const {
    return mount_point_ / ("gemel-etcd-test-" + std::to_string(getpid()));
  }

 private:
  std::filesystem::path mount_point_;
  bool is_mounted_ = false;
};

TEST(EtcdMemberInCgroup, is_adopted_restarted_and_stopped_as_a_whole) {
  CgroupMount cgroup;
  if (!cgroup.is_mounted()) GTEST_SKIP() << "needs root and cgroup2";
  TestCluster cluster(1);
  cluster.configs[0].cgroup = cgroup.directory();
  cluster.start();
  const pid_t first = cluster.members[0]->pid();
  ASSERT_GT(first, 0);

  cluster.members[0].reset();  // as when the agent ends without stopping it
  EXPECT_EQ(kill(first, 0), 0);
  cluster.members[0] = *EtcdMember::create(cluster.loop.executor(), cluster.configs[0]);
  cluster.members[0]->start();
  ASSERT_TRUE(cluster.loop.run_until([&] { return cluster.members[0]->is_running(); }, std::chrono::seconds(5)));
  EXPECT_EQ(cluster.members[0]->pid(), first) << "adopted, not started again";

  kill(first, SIGKILL);
  ASSERT_TRUE(cluster.loop.run_until(
      [&] { return cluster.members[0]->pid() > 0 && cluster.members[0]->pid() != first; }, std::chrono::seconds(10)));
  cluster.wait_ready();
  EXPECT_EQ(cluster.members[0]->starts(), 2);
  EXPECT_TRUE(cluster.loop.wait(cluster.members[0]->stop(std::chrono::seconds(5))));
  EXPECT_FALSE(cluster.members[0]->is_running());
  EXPECT_FALSE(runtime::Cgroup::open(cgroup.directory())->is_populated());
  cluster.members[0].reset();
  waitpid(first, nullptr, WNOHANG);
}

}  // namespace
}  // namespace gemel::adapters::etcd
