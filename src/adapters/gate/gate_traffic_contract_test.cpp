// The kernel's gate under real traffic: TCP, ARP and neighbour discovery between two namespaces of the test.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <optional>

#include "adapters/gate/kernel_gate.h"
#include "support/network_namespace.h"

namespace gemel::adapters::gate {
namespace {

using namespace std::chrono_literals;
using testing::NetworkNamespace;

constexpr const char* vip = "10.99.0.9";
constexpr const char* vip6 = "fd99::9";
constexpr const char* node = "10.99.0.1";
constexpr const char* peer = "10.99.0.2";
constexpr const char* stranger = "10.99.0.3";
constexpr Duration gate_lateness = 20ms;  // T_gate
constexpr Duration answer_limit = 150ms;  // below TCP's smallest retransmission time-out of 200 ms

double as_milliseconds(Duration time) { return std::chrono::duration<double, std::milli>(time).count(); }
int poll_limit(Duration time) { return static_cast<int>(std::max<Duration>(time, 0ms) / std::chrono::milliseconds(1)); }

sockaddr_storage address_of(const std::string& text, std::uint16_t port) {
  sockaddr_storage storage{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
  }
  return storage;
}

// A TCP connection with deadlines.
class Connection {
 public:
  explicit Connection(int descriptor) : descriptor_(descriptor) {}
  Connection(Connection&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Connection& operator=(Connection&&) = delete;
  ~Connection() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  static std::optional<Connection> open(const std::string& target, const std::string& source, Duration limit) {
    const auto to = address_of(target, 5432);
    Connection made(::socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!source.empty()) {
      const auto from = address_of(source, 0);
      EXPECT_EQ(::bind(made.descriptor_, reinterpret_cast<const sockaddr*>(&from), sizeof from), 0);
    }
    static_cast<void>(::connect(made.descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to));
    if (made.connect_result(limit) != 0) return std::nullopt;
    return made;
  }
  // What came of an attempt to connect: 0, an errno, or nothing at all within the limit.
  static std::optional<int> attempt(const std::string& target, Duration limit) {
    const auto to = address_of(target, 5432);
    const Connection made(::socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    static_cast<void>(::connect(made.descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to));
    return made.connect_result(limit);
  }
  bool send() { return ::send(descriptor_, "x", 1, MSG_NOSIGNAL) == 1; }
  bool receive(Duration limit) {
    pollfd wait{descriptor_, POLLIN, 0};
    char byte = 0;
    return ::poll(&wait, 1, poll_limit(limit)) == 1 && ::recv(descriptor_, &byte, 1, 0) == 1;
  }
  bool is_reset(Duration limit) {
    pollfd wait{descriptor_, POLLIN, 0};
    char byte = 0;
    return ::poll(&wait, 1, poll_limit(limit)) == 1 && ::recv(descriptor_, &byte, 1, 0) < 0 && errno == ECONNRESET;
  }
  bool round_trip(Duration limit) { return send() && receive(limit); }

 private:
  std::optional<int> connect_result(Duration limit) const {
    pollfd wait{descriptor_, POLLOUT, 0};
    int error = 0;
    socklen_t size = sizeof error;
    if (::poll(&wait, 1, poll_limit(limit)) != 1) return std::nullopt;
    ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
  }

  int descriptor_;
};

// Answers every byte on port 5432 of a namespace, on all its addresses, until destroyed.
class EchoServer {
 public:
  explicit EchoServer(const NetworkNamespace& network) {
    network.run([this] {
      listener_ = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const auto any = address_of("::", 5432);
      ASSERT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
      ASSERT_EQ(::listen(listener_, 64), 0);
    });
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;
  ~EchoServer() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
  }

 private:
  void serve(const std::stop_token& stop) const {
    std::vector<pollfd> open{{listener_, POLLIN, 0}};
    while (!stop.stop_requested()) {
      if (::poll(open.data(), open.size(), 20) <= 0) continue;
      if (open[0].revents != 0) open.push_back({::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC), POLLIN, 0});
      for (std::size_t i = 1; i < open.size(); ++i) {
        char bytes[64];
        if ((open[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
        const ssize_t got = ::recv(open[i].fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got > 0) {
          static_cast<void>(::send(open[i].fd, bytes, static_cast<std::size_t>(got), MSG_NOSIGNAL));
        } else if (got == 0 || errno != EAGAIN) {
          ::close(open[i].fd);
          open[i].fd = -1;
        }
        open[i].revents = 0;
      }
    }
    for (std::size_t i = 1; i < open.size(); ++i)
      if (open[i].fd >= 0) ::close(open[i].fd);
  }

  int listener_ = -1;
  std::jthread thread_;
};

class GateTraffic : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(server.is_usable() && client.is_usable());
    server.connect(client, "wire");
    // Addresses without duplicate detection of the kernel: usable at once.
    server.shell(
        "ip addr add 10.99.0.1/24 dev wire; ip addr add fd99::1/64 dev wire nodad; "
        "ip addr add 10.99.0.9/32 dev wire; ip addr add fd99::9/128 dev wire nodad");
    client.shell(
        "ip addr add 10.99.0.2/24 dev wire; ip addr add 10.99.0.3/24 dev wire; "
        "ip addr add fd99::2/64 dev wire nodad");
    echo.emplace(server);
    server.run([&] {
      auto opened = open_kernel_gate(loop.get_executor(), {.vip = vip, .vip6 = vip6, .peers = {peer, "fd99::1"}});
      ASSERT_TRUE(opened) << opened.error().to_string();
      gate = std::move(*opened);
    });
  }

  template <typename T>
  T run_task(runtime::Task<T> task) {
    auto result = boost::asio::co_spawn(loop, std::move(task), boost::asio::use_future);
    loop.restart();
    while (result.wait_for(0s) != std::future_status::ready) loop.run_one();
    return result.get();
  }
  void install() { ASSERT_TRUE(run_task(gate->install(InstallMode::shut))); }

  std::optional<Connection> connect(const std::string& target, const std::string& source = "",
                                    Duration limit = answer_limit) {
    std::optional<Connection> made;
    client.run([&] {
      if (auto opened = Connection::open(target, source, limit)) made.emplace(std::move(*opened));
    });
    return made;
  }

  std::optional<int> connect_error(const std::string& target) {
    std::optional<int> error;
    client.run([&] { error = Connection::attempt(target, answer_limit); });
    return error;
  }

  NetworkNamespace server, client;
  std::optional<EchoServer> echo;
  boost::asio::io_context loop;
  std::unique_ptr<Gate> gate;
};

TEST_F(GateTraffic, lets_clients_in_only_while_open) {
  install();
  for (const char* target : {vip, vip6}) {
    EXPECT_FALSE(connect(target)) << target;
    ASSERT_TRUE(gate->refresh(10s));
    auto connection = connect(target, "", 3s);  // the neighbour cache may remember the failure for a moment
    ASSERT_TRUE(connection) << target;
    EXPECT_TRUE(connection->round_trip(answer_limit)) << target;
    ASSERT_TRUE(gate->shut());
    EXPECT_FALSE(connect(target)) << target;
  }
}

TEST_F(GateTraffic, cuts_an_established_connection_and_lets_it_go_on) {
  install();
  for (const char* target : {vip, vip6}) {
    ASSERT_TRUE(gate->refresh(30s));
    auto connection = connect(target, "", 3s);
    ASSERT_TRUE(connection && connection->round_trip(answer_limit)) << target;
    ASSERT_TRUE(gate->shut());
    EXPECT_FALSE(connection->round_trip(answer_limit)) << target;
    EXPECT_EQ(connect_error(target), ECONNREFUSED) << target << ": who is new hears it at once";
    ASSERT_TRUE(gate->refresh(30s));
    EXPECT_TRUE(connection->receive(5s)) << target;  // TCP sends the byte again
    EXPECT_TRUE(connection->round_trip(answer_limit)) << target;
  }
}

TEST_F(GateTraffic, refuses_who_is_new_while_it_drains) {
  install();
  for (const char* target : {vip, vip6}) {
    ASSERT_TRUE(gate->refresh(30s));
    auto session = connect(target, "", 3s);
    const auto expect_draining = [&](const char* when) {
      EXPECT_TRUE(session && session->round_trip(answer_limit)) << target << ' ' << when;
      EXPECT_EQ(connect_error(target), ECONNREFUSED) << target << ' ' << when;
    };
    ASSERT_TRUE(gate->drain(30s));
    expect_draining("at once");
    server.shell("nft flush ruleset");
    loop.restart();
    bool is_restored = false;
    gate->on_lost([&] { is_restored = true; });
    while (!is_restored) loop.run_one();
    expect_draining("after it was restored");
    ASSERT_TRUE(run_task(gate->install(InstallMode::keep_open)));
    expect_draining("after the agent's restart");
    server.shell("nft flush ruleset");
    ASSERT_TRUE(gate->drain(30s));
    expect_draining("after it was missing");
    ASSERT_TRUE(gate->refresh(30s));
    EXPECT_TRUE(session && session->round_trip(answer_limit)) << target;
    EXPECT_EQ(connect_error(target), 0) << target;
    ASSERT_TRUE(gate->drain(150ms));
    loop.restart();
    loop.run_for(150ms + gate_lateness);
    EXPECT_FALSE(session->round_trip(answer_limit)) << target << ": draining ends with the permit";
    EXPECT_EQ(connect_error(target), ECONNREFUSED) << target;
  }
}

TEST_F(GateTraffic, tells_clients_that_still_come_after_the_address_has_gone) {
  install();
  struct Case {
    const char* target;
    const char* removal;
  };
  for (const auto& [target, removal] :
       {Case{vip, "ip addr del 10.99.0.9/32 dev wire"}, Case{vip6, "ip addr del fd99::9/128 dev wire"}}) {
    ASSERT_TRUE(gate->refresh(30s));
    auto connection = connect(target, "", 3s);
    ASSERT_TRUE(connection && connection->round_trip(answer_limit)) << target;
    ASSERT_TRUE(gate->shut());
    ASSERT_TRUE(connection->send());
    EXPECT_FALSE(connection->is_reset(answer_limit)) << target << ": it goes on when the gate opens again";
    server.shell(removal);  // the client's neighbour table still leads here
    EXPECT_EQ(connect_error(target), ECONNREFUSED) << target;
    EXPECT_TRUE(connection->is_reset(5s)) << target << ": TCP sends the byte again";
  }
}

TEST_F(GateTraffic, holds_back_an_answer_that_is_ready_when_it_shuts) {
  // A frozen agent's server may answer by itself: here it speaks first, after the gate shut.
  install();
  ASSERT_TRUE(gate->refresh(30s));
  int accepted = -1;
  int listener = -1;
  server.run([&] {
    listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    echo.reset();
    const auto any = address_of("0.0.0.0", 5432);
    ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
    ASSERT_EQ(::listen(listener, 1), 0);
  });
  auto connection = connect(vip, "", 3s);
  accepted = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  ASSERT_TRUE(connection && accepted >= 0);
  ASSERT_TRUE(gate->shut());
  ASSERT_EQ(::send(accepted, "x", 1, 0), 1);
  EXPECT_FALSE(connection->receive(answer_limit));
  ASSERT_TRUE(gate->refresh(30s));
  EXPECT_TRUE(connection->receive(5s));
  ::close(accepted);
  ::close(listener);
}

TEST_F(GateTraffic, answers_no_neighbour_while_shut) {
  install();
  struct Case {
    const char* target;
    const char* flush;
  };
  for (const auto& [target, flush] : {Case{vip, "ip -4 neigh flush all"}, Case{vip6, "ip -6 neigh flush all"}}) {
    const auto is_resolved = [&, to = target] {
      client.run([&] {  // UDP is not gated: only the neighbour's answer is
        const auto address = address_of(to, 9);
        const int socket = ::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        static_cast<void>(::sendto(socket, "", 0, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address));
        ::close(socket);
      });
      return client.shell(std::string("ip neigh show ") + to).find("lladdr") != std::string::npos;
    };
    const auto resolves_within = [&](Duration limit) {
      for (const auto end = runtime::boot_now() + limit; runtime::boot_now() < end;)
        if (is_resolved()) return true;
      return false;
    };
    client.shell(flush);
    EXPECT_FALSE(resolves_within(300ms)) << target;
    ASSERT_TRUE(gate->refresh(30s));
    client.shell(flush);
    EXPECT_TRUE(resolves_within(5s)) << target;
    ASSERT_TRUE(gate->shut());
    client.shell(flush);
    EXPECT_FALSE(resolves_within(300ms)) << target;
  }
}

TEST_F(GateTraffic, node_addresses_are_for_peers_and_this_host) {
  install();
  EXPECT_TRUE(connect(node, peer, 3s));
  EXPECT_FALSE(connect(node, stranger));
  EXPECT_FALSE(connect("fd99::1"));  // fd99::2 is no peer
  server.run([] {
    EXPECT_TRUE(Connection::open(node, "", 3s));
    EXPECT_TRUE(Connection::open("fd99::1", "", 3s));
    EXPECT_TRUE(Connection::open("127.0.0.1", "", 3s));
    EXPECT_FALSE(Connection::open(vip, "", answer_limit));  // the gate is for local clients too
  });
}

TEST_F(GateTraffic, a_host_without_the_address_may_be_its_client) {
  // The gate on the client's side is shut as well: it must not cut the way to the holder.
  install();
  ASSERT_TRUE(gate->refresh(30s));
  std::unique_ptr<Gate> other;
  client.run(
      [&] { other = std::move(*open_kernel_gate(loop.get_executor(), {.vip = vip, .vip6 = vip6, .peers = {node}})); });
  ASSERT_TRUE(run_task(other->install(InstallMode::shut)));
  for (const char* target : {vip, vip6}) {
    auto connection = connect(target, "", 3s);
    EXPECT_TRUE(connection && connection->round_trip(answer_limit)) << target;
  }
}

TEST_F(GateTraffic, shuts_in_time_when_nobody_refreshes) {
  install();
  ASSERT_TRUE(gate->refresh(30s));
  auto connection = connect(vip, "", 3s);
  ASSERT_TRUE(connection);
  std::vector<double> delays;
  for (int i = 0; i < 20; ++i) {
    constexpr Duration life = 150ms;
    ASSERT_TRUE(gate->refresh(life));
    const TimePoint begin = runtime::boot_now();
    // When the last request that was answered was sent: a starved client may read its answer long after it came.
    TimePoint last = begin;
    for (TimePoint sent = begin; connection->round_trip(40ms); sent = runtime::boot_now()) last = sent;
    EXPECT_LE(last - begin, life + gate_lateness);  // safety: never late, in no round
    delays.push_back(as_milliseconds(last - begin - life));
    ASSERT_TRUE(gate->refresh(30s));
    ASSERT_TRUE(connection->receive(5s));
  }
  std::ranges::sort(delays);
  // Availability: not much too early either. The median, because a starved client may miss an answer of its own.
  EXPECT_GE(delays[delays.size() / 2], -30.0);
  std::printf("last answered request relative to the end of the time-out: min %.1f median %.1f max %.1f ms\n",
              delays.front(), delays[delays.size() / 2], delays.back());
}

TEST_F(GateTraffic, refreshing_loses_nothing) {
  install();
  ASSERT_TRUE(gate->refresh(500ms));
  auto connection = connect(vip, "", 3s);
  ASSERT_TRUE(connection);
  std::atomic<bool> is_done = false;
  std::size_t answers = 0;
  Duration longest{0};
  std::jthread traffic([&] {
    while (!is_done) {
      const TimePoint begin = runtime::boot_now();
      if (!connection->round_trip(5s)) return;
      longest = std::max(longest, runtime::boot_now() - begin);
      ++answers;
    }
  });
  std::vector<double> costs;
  for (int i = 0; i < 1000; ++i) {
    const TimePoint begin = runtime::boot_now();
    ASSERT_TRUE(gate->refresh(500ms));
    costs.push_back(as_milliseconds(runtime::boot_now() - begin) * 1000);
  }
  is_done = true;
  traffic.join();
  std::ranges::sort(costs);
  EXPECT_LT(longest, answer_limit) << "a lost packet would have waited 200 ms for its repetition";
  EXPECT_GT(answers, 100U);
  std::printf("refresh under traffic: median %.0f p99 %.0f max %.0f us; %zu round trips, longest %.1f ms\n", costs[500],
              costs[990], costs[999], answers, as_milliseconds(longest));
}

TEST_F(GateTraffic, comes_back_and_reports_when_rules_are_flushed) {
  install();
  int reports = 0;
  gate->on_lost([&] { ++reports; });
  const char* damages[] = {
      "nft flush ruleset",
      "nft delete table inet gemel_gate",
      "nft delete table arp gemel_gate",
      "nft flush chain inet gemel_gate input",
      "nft add element inet gemel_gate open4 '{ 10.99.0.9 timeout 1h }'",
      "nft insert rule inet gemel_gate input accept",
      "nft add table inet gemel_gate '{ flags dormant; }'",
  };
  Duration slowest{0};
  for (const bool is_open : {false, true}) {
    for (const char* damage : damages) {
      ASSERT_TRUE(is_open ? gate->refresh(30s) : gate->shut());
      loop.restart();
      loop.poll();
      const int before = reports;
      if (is_open && std::string_view(damage).contains("add element")) continue;  // changes nothing while open
      server.shell(damage);
      const TimePoint begin = runtime::boot_now();
      loop.restart();
      while (reports == before && runtime::boot_now() - begin < 2s) loop.run_one_for(100ms);
      slowest = std::max(slowest, runtime::boot_now() - begin);
      EXPECT_GT(reports, before) << damage;
      EXPECT_EQ(gate->is_open(), is_open) << damage;
      EXPECT_EQ(connect(vip, "", is_open ? Duration(3s) : answer_limit).has_value(), is_open) << damage;
    }
  }
  EXPECT_LT(slowest, 50ms);
  std::printf("restored after at most %.1f ms\n", as_milliseconds(slowest));
}

TEST_F(GateTraffic, a_refresh_restores_what_is_missing) {
  install();
  int reports = 0;
  gate->on_lost([&] { ++reports; });
  server.shell("nft flush ruleset");
  ASSERT_TRUE(gate->refresh(30s));  // the loop has not run: no event was seen
  EXPECT_EQ(reports, 1);
  EXPECT_EQ(gate->is_open(), true);
  EXPECT_FALSE(connect(node, stranger));
}

TEST_F(GateTraffic, leaves_rules_of_others_alone) {
  const char* others = "nft add table inet site; nft add chain inet site input; nft add rule inet site input counter";
  server.shell(others);
  const auto before = server.shell("nft list table inet site");
  install();
  ASSERT_TRUE(gate->refresh(1s));
  EXPECT_EQ(server.shell("nft list table inet site"), before);
  ASSERT_TRUE(run_task(gate->remove()));
  EXPECT_EQ(server.shell("nft list ruleset"), before);
}

TEST_F(GateTraffic, own_changes_are_no_loss) {
  int reports = 0;
  gate->on_lost([&] { ++reports; });
  install();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(gate->refresh(100ms));
  install();
  loop.restart();
  loop.poll();
  EXPECT_EQ(reports, 0);
}

}  // namespace
}  // namespace gemel::adapters::gate
