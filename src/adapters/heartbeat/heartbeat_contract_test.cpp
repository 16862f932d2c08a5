// One suite for the fake and for UDP on loopback, then what only real sockets can show.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <map>

#include "adapters/heartbeat/fake_heartbeat.h"
#include "adapters/heartbeat/udp_heartbeat.h"
#include "base/random.h"

namespace gemel::adapters::heartbeat {
namespace {

using namespace std::chrono_literals;

constexpr Duration interval = 20ms;
const NodeId db1{"db1"}, db2{"db2"}, db3{"db3"};
const std::vector<NodeId> all{db1, db2, db3};

std::vector<NodeId> others(const NodeId& self) {
  auto rest = all;
  std::erase(rest, self);
  return rest;
}

template <typename T>
T run_task(boost::asio::io_context& loop, runtime::Task<T> task) {
  auto result = boost::asio::co_spawn(loop, std::move(task), boost::asio::use_future);
  loop.restart();
  while (result.wait_for(0s) != std::future_status::ready) loop.run_one();
  return result.get();
}

struct FakeHarness {
  FakeNetwork network{interval};
  boost::asio::io_context loop;
  std::unique_ptr<Heartbeat> start(const NodeId& self) { return network.join(self, others(self)); }
  TimePoint now() { return network.now(); }
  void pass(Duration time) { network.advance(time); }
};

struct UdpHarness {
  boost::asio::io_context loop;
  std::map<NodeId, std::uint16_t> ports;

  UdpHarness() {
    std::vector<int> held;  // all at once, so that they differ
    for (const auto& node : all) {
      held.push_back(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      socklen_t size = sizeof address;
      EXPECT_EQ(::bind(held.back(), reinterpret_cast<sockaddr*>(&address), size), 0);
      EXPECT_EQ(::getsockname(held.back(), reinterpret_cast<sockaddr*>(&address), &size), 0);
      ports[node] = ntohs(address.sin_port);
    }
    for (const int socket : held) ::close(socket);
  }
  HeartbeatConfig config(const NodeId& self) {
    HeartbeatConfig made{.cluster_id = "site",
                         .self = self,
                         .address = "127.0.0.1",
                         .port = ports[self],
                         .peers = {},
                         .site_secret = {1, 2, 3},
                         .interval = interval};
    for (const auto& node : others(self)) made.peers.push_back({node, "127.0.0.1", ports[node]});
    return made;
  }
  std::unique_ptr<Heartbeat> start(const NodeId& self) {
    auto started = start_udp_heartbeat(loop.get_executor(), config(self));
    EXPECT_TRUE(started) << started.error().to_string();
    return std::move(*started);
  }
  TimePoint now() { return runtime::boot_now(); }
  void pass(Duration time) {
    loop.restart();
    loop.run_for(time);
  }
};

// A host with what it heard last of each other one.
struct Host {
  std::unique_ptr<Heartbeat> heartbeat;
  std::map<NodeId, Heard> heard;
  std::size_t calls = 0;

  void listen() {
    heartbeat->on_heard([this](Heard news) {
      ++calls;
      heard[news.from] = std::move(news);
    });
  }
  std::optional<TimePoint> confirmed_by(const NodeId& node) {
    return heard.contains(node) ? heard[node].confirmed_send_time : std::nullopt;
  }
};

Beat beat_of(std::uint64_t epoch, const NodeId& holder) { return {.epoch = {epoch}, .holder = holder}; }

template <typename Harness>
class HeartbeatContract : public ::testing::Test {
 protected:
  Harness harness;
  std::map<NodeId, Host> hosts;

  void start(const NodeId& node) {
    hosts[node].heartbeat.reset();
    hosts[node].heartbeat = harness.start(node);
    hosts[node].heard.clear();
    hosts[node].listen();
  }
  // Until `is_true` or, which fails the test, for five seconds.
  template <typename Predicate>
  ::testing::AssertionResult eventually(Predicate is_true) {
    for (const TimePoint end = harness.now() + 5s; harness.now() < end; pass(1ms))
      if (is_true()) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "not within five seconds";
  }
  // Time goes by; then everybody looks at what he was not called for.
  void pass(Duration time) {
    harness.pass(time);
    for (auto& [node, host] : hosts) host.heartbeat->collect();
  }
  void serve(std::uint64_t epoch, const NodeId& holder) {
    for (const auto& node : all) {
      start(node);
      hosts[node].heartbeat->say(beat_of(epoch, holder));
    }
    for (const auto& node : others(holder))
      ASSERT_TRUE(eventually([&] { return hosts[holder].confirmed_by(node).has_value(); }));
  }
};
using Harnesses = ::testing::Types<FakeHarness, UdpHarness>;
TYPED_TEST_SUITE(HeartbeatContract, Harnesses);

TYPED_TEST(HeartbeatContract, everybody_hears_what_everybody_says) {
  auto& hosts = this->hosts;
  const Beat beat{.epoch = {7},
                  .holder = db1,
                  .revision = {42},
                  .state = core::RecordState::paused,
                  .run = core::PostgresRun::standby,
                  .timeline = 3,
                  .wal_end = {99},
                  .is_receiving = true};
  for (const auto& node : all) {
    this->start(node);
    hosts[node].heartbeat->say(beat);
  }
  for (const auto& node : all)
    for (const auto& other : others(node))
      EXPECT_TRUE(this->eventually([&] { return hosts[node].heard.contains(other); }));
  EXPECT_EQ(hosts[db2].heard[db1].beat, beat);
  EXPECT_EQ(hosts[db2].heard[db1].from, db1);
}

TYPED_TEST(HeartbeatContract, says_nothing_before_it_is_told_what) {
  this->start(db1);
  this->start(db2);
  this->hosts[db2].heartbeat->say(beat_of(1, db2));
  EXPECT_TRUE(this->eventually([&] { return this->hosts[db1].heard.contains(db2); }));
  this->pass(3 * interval);
  EXPECT_FALSE(this->hosts[db2].heard.contains(db1));
}

TYPED_TEST(HeartbeatContract, the_holders_permit_advances) {
  this->serve(1, db1);
  auto& holder = this->hosts[db1];
  const auto first = *holder.confirmed_by(db2);
  EXPECT_TRUE(this->eventually([&] { return *holder.confirmed_by(db2) > first + 3 * interval; }));
  EXPECT_LE(*holder.confirmed_by(db2), this->harness.now());
  EXPECT_FALSE(this->hosts[db2].confirmed_by(db3)) << "only the holder is confirmed";
  EXPECT_FALSE(this->hosts[db2].confirmed_by(db1));
}

TYPED_TEST(HeartbeatContract, the_last_confirmation_is_not_before_the_confirmed_heartbeat) {
  this->serve(1, db1);
  for (int i = 0; i < 10; ++i) {
    this->pass(interval);
    // Both run on one host here, so their clocks may be compared.
    EXPECT_GE(this->hosts[db2].heartbeat->last_confirmation(), *this->hosts[db1].confirmed_by(db2));
  }
}

TYPED_TEST(HeartbeatContract, nothing_is_confirmed_after_quiesce) {
  this->serve(1, db1);
  auto& holder = this->hosts[db1];
  auto& standby = *this->hosts[db2].heartbeat;
  const TimePoint last = run_task(this->harness.loop, standby.quiesce());
  EXPECT_LE(last, this->harness.now());
  const auto of_other = *holder.confirmed_by(db3);
  EXPECT_TRUE(this->eventually([&] { return *holder.confirmed_by(db3) > of_other + 5 * interval; }));
  EXPECT_LE(*holder.confirmed_by(db2), last);
  EXPECT_EQ(run_task(this->harness.loop, standby.quiesce()), last);  // again
  standby.resume({1});
  EXPECT_TRUE(this->eventually([&] { return *holder.confirmed_by(db2) > last; }));
}

TYPED_TEST(HeartbeatContract, a_lower_epoch_is_not_confirmed) {
  this->serve(1, db1);
  auto& holder = this->hosts[db1];
  this->hosts[db2].heartbeat->say(beat_of(2, db2));
  // db3 learns the epoch from db2, so neither confirms db1 any more.
  EXPECT_TRUE(this->eventually(
      [&] { return this->hosts[db2].confirmed_by(db3).has_value() && holder.heard[db2].beat.epoch == Epoch{2}; }));
  const auto last = holder.confirmed_by(db3);
  const auto calls = holder.calls;
  EXPECT_TRUE(this->eventually([&] { return holder.calls > calls + 10; }));
  EXPECT_EQ(holder.confirmed_by(db3), last);
}

TYPED_TEST(HeartbeatContract, resume_with_a_higher_epoch_waits_for_it) {
  this->serve(1, db1);
  auto& holder = this->hosts[db1];
  const TimePoint last = run_task(this->harness.loop, this->hosts[db2].heartbeat->quiesce());
  this->hosts[db2].heartbeat->resume({3});
  const auto calls = holder.calls;
  EXPECT_TRUE(this->eventually([&] { return holder.calls > calls + 10; }));
  EXPECT_LE(*holder.confirmed_by(db2), last);
  holder.heartbeat->say(beat_of(3, db1));
  EXPECT_TRUE(this->eventually([&] { return *holder.confirmed_by(db2) > last; }));
}

TYPED_TEST(HeartbeatContract, a_restarted_host_is_believed_again_and_starts_its_count_anew) {
  this->serve(1, db1);
  const TimePoint before = this->harness.now();
  this->start(db2);
  EXPECT_GE(this->hosts[db2].heartbeat->last_confirmation(), before);
  this->hosts[db2].heartbeat->say(beat_of(1, db1));
  EXPECT_TRUE(this->eventually([&] { return *this->hosts[db1].confirmed_by(db2) > before; }));
  EXPECT_GT(this->hosts[db1].heartbeat->stats().session_unknown, 0U);
}

TYPED_TEST(HeartbeatContract, calls_at_once_for_what_is_new_only) {
  this->serve(1, db1);
  auto& standby = this->hosts[db2];
  this->pass(3 * interval);
  const auto calls = standby.calls;
  const auto heard = standby.heartbeat->stats().heard;
  this->harness.pass(20 * interval);
  EXPECT_GE(standby.heartbeat->stats().heard, heard + 20);
  EXPECT_LE(standby.calls, calls + 5) << "a silence of two intervals may happen on a busy machine";
  standby.heartbeat->collect();
  EXPECT_GT(standby.heard[db1].heard_at, this->harness.now() - 3 * interval);
  this->hosts[db1].heartbeat->say(beat_of(2, db1));
  for (int i = 0; i < 200 && standby.heard[db1].beat.epoch != Epoch{2}; ++i) this->harness.pass(1ms);
  EXPECT_EQ(standby.heard[db1].beat.epoch, Epoch{2}) << "without collect()";
}

TYPED_TEST(HeartbeatContract, counts_what_it_does) {
  this->serve(1, db1);
  const auto stats = this->hosts[db1].heartbeat->stats();
  EXPECT_GT(stats.sent, 0U);
  EXPECT_GT(stats.heard, 0U);
  EXPECT_EQ(stats.replayed, 0U);
}

class UdpHeartbeatTest : public ::testing::Test {
 protected:
  UdpHarness harness;
  int stranger = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ~UdpHeartbeatTest() override { ::close(stranger); }

  void throw_at(const NodeId& node, const void* bytes, std::size_t size) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(harness.ports[node]);
    static_cast<void>(::sendto(stranger, bytes, size, 0, reinterpret_cast<sockaddr*>(&to), sizeof to));
  }
};

TEST_F(UdpHeartbeatTest, garbage_does_not_stop_it) {
  auto one = harness.start(db1);
  Host two{harness.start(db2), {}, 0};
  two.listen();
  one->say(beat_of(1, db1));
  two.heartbeat->say(beat_of(1, db1));
  Random random(7);
  std::vector<std::uint8_t> bytes(sealed_size + 100);
  TimePoint last = runtime::boot_now();
  Duration longest{0};
  for (int i = 0; i < 100'000; ++i) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      const auto word = random.next();
      std::memcpy(bytes.data() + at, &word, 8);
    }
    if (i % 2 == 0) std::memcpy(bytes.data(), "GHB\x01", 4);
    throw_at(db2, bytes.data(), i % 2 == 0 ? sealed_size : random.below(bytes.size()));
    if (i % 100 != 0) continue;
    const auto calls = two.calls;
    harness.loop.restart();
    harness.loop.poll();
    two.heartbeat->collect();
    if (two.calls == calls) continue;
    longest = std::max(longest, runtime::boot_now() - last);
    last = runtime::boot_now();
  }
  EXPECT_GT(two.calls, 5U);
  EXPECT_GT(two.heartbeat->stats().not_authentic, 1000U);
  EXPECT_LT(longest, 1s);
  const auto calls = two.calls;
  harness.pass(5 * interval);
  two.heartbeat->collect();
  EXPECT_GT(two.calls, calls);
}

TEST_F(UdpHeartbeatTest, a_wrong_key_is_not_heard) {
  auto config = harness.config(db1);
  config.site_secret = {9, 9, 9};
  auto foreign = start_udp_heartbeat(harness.loop.get_executor(), config);
  ASSERT_TRUE(foreign);
  Host two{harness.start(db2), {}, 0};
  two.listen();
  (*foreign)->say(beat_of(1, db1));
  two.heartbeat->say(beat_of(1, db1));
  for (int i = 0; i < 200 && two.heartbeat->stats().not_authentic < 5; ++i) harness.pass(interval);
  EXPECT_GE(two.heartbeat->stats().not_authentic, 5U);
  EXPECT_EQ(two.calls, 0U);
}

TEST_F(UdpHeartbeatTest, the_spare_secret_is_taken_but_not_used) {
  auto former = harness.config(db1), both = harness.config(db2), next = harness.config(db3);
  next.site_secret = {9, 9, 9};
  both.spare_secret = next.site_secret;
  next.spare_secret = {};
  auto one = start_udp_heartbeat(harness.loop.get_executor(), former);
  auto three = start_udp_heartbeat(harness.loop.get_executor(), next);
  auto started = start_udp_heartbeat(harness.loop.get_executor(), both);
  ASSERT_TRUE(one && started && three);
  Host two{std::move(*started), {}, 0};
  for (auto* each : {one->get(), two.heartbeat.get(), three->get()}) each->say(beat_of(1, db1));
  // db3 cannot read what db2 says, so it never answers db2's challenge: authentic, and still not believed.
  for (int i = 0; i < 200 && (one.value()->stats().heard < 5 || two.heartbeat->stats().session_unknown < 5); ++i)
    harness.pass(interval);
  EXPECT_GE((*one)->stats().heard, 5U);
  EXPECT_GE(two.heartbeat->stats().session_unknown, 5U);
  EXPECT_EQ(two.heartbeat->stats().not_authentic, 0U);
  EXPECT_EQ((*three)->stats().heard, 0U);
}

TEST_F(UdpHeartbeatTest, falls_silent_when_its_loop_hangs) {
  boost::asio::io_context hung;
  auto config = harness.config(db1);
  config.loop_limit = 60ms;
  auto one = start_udp_heartbeat(hung.get_executor(), config);
  ASSERT_TRUE(one);
  (*one)->say(beat_of(1, db1));
  Host two{harness.start(db2), {}, 0};
  two.listen();
  two.heartbeat->say(beat_of(1, db1));
  for (int i = 0; i < 200 && (*one)->stats().silent_for_stall < 10; ++i) harness.pass(interval);
  EXPECT_GE((*one)->stats().silent_for_stall, 10U);
  const auto sent = (*one)->stats().sent;
  harness.pass(3 * interval);
  EXPECT_EQ((*one)->stats().sent, sent);
  for (int i = 0; i < 200 && (*one)->stats().sent == sent; ++i) hung.run_for(interval);  // it runs again
  EXPECT_GT((*one)->stats().sent, sent);
}

TEST_F(UdpHeartbeatTest, privileges_are_reported_and_their_lack_is_no_error) {
  auto config = harness.config(db1);
  auto with = start_udp_heartbeat(harness.loop.get_executor(), config);
  ASSERT_TRUE(with);
  for (int i = 0; i < 200 && (*with)->stats().sent == 0; ++i) harness.pass(interval);
  std::printf("real-time priority %s, locked memory %s\n", (*with)->stats().is_realtime ? "granted" : "not granted",
              (*with)->stats().is_memory_locked ? "granted" : "not granted");
  with->reset();
  config.wants_realtime = config.wants_locked_memory = false;
  auto without = start_udp_heartbeat(harness.loop.get_executor(), config);
  ASSERT_TRUE(without);
  for (int i = 0; i < 200 && (*without)->stats().sent == 0; ++i) harness.pass(interval);
  EXPECT_GT((*without)->stats().sent, 0U);
  EXPECT_FALSE((*without)->stats().is_realtime);
  EXPECT_FALSE((*without)->stats().is_memory_locked);
}

TEST_F(UdpHeartbeatTest, wrong_configurations_are_refused) {
  const auto code_of = [&](const std::function<void(HeartbeatConfig&)>& spoil) {
    auto config = harness.config(db1);
    spoil(config);
    auto started = start_udp_heartbeat(harness.loop.get_executor(), config);
    return started ? std::nullopt : std::optional(started.error().code);
  };
  EXPECT_EQ(code_of([](auto& config) { config.address = "db1"; }), ErrorCode::invalid);
  EXPECT_EQ(code_of([](auto& config) { config.peers[0].address = ""; }), ErrorCode::invalid);
  EXPECT_EQ(code_of([](auto& config) { config.peers[0].node = db1; }), ErrorCode::invalid);
  EXPECT_EQ(code_of([](auto& config) { config.self.name = std::string(64, 'x'); }), ErrorCode::invalid);
  EXPECT_EQ(code_of([](auto& config) { config.interval = Duration(0); }), ErrorCode::invalid);
  EXPECT_EQ(code_of([](auto& config) { config.address = "192.0.2.1"; }), ErrorCode::unavailable);
}

}  // namespace
}  // namespace gemel::adapters::heartbeat
