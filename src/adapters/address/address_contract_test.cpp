// One suite for the fake and for kernels in namespaces on a bridge, then what only a real link can show.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "adapters/address/fake_address.h"
#include "adapters/address/kernel_address.h"
#include "adapters/address/link.h"
#include "support/network_namespace.h"

namespace gemel::adapters::address {
namespace {

using namespace std::chrono_literals;
using testing::NetworkNamespace;

constexpr Duration probe = 30ms;

template <typename T>
T run_task(boost::asio::io_context& loop, runtime::Task<T> task) {
  auto result = boost::asio::co_spawn(loop, std::move(task), boost::asio::use_future);
  loop.restart();
  while (result.wait_for(0s) != std::future_status::ready) loop.run_one();
  return result.get();
}

// Two hosts that can hold the address.
struct FakeHarness {
  FakeLink link;
  boost::asio::io_context loop;
  std::unique_ptr<AddressKeeper> first = std::make_unique<FakeAddress>(link, Mac{2, 0, 0, 0, 0, 1});
  std::unique_ptr<AddressKeeper> second = std::make_unique<FakeAddress>(link, Mac{2, 0, 0, 0, 0, 2});
  Mac second_mac{2, 0, 0, 0, 0, 2};
  void at_home_of(const AddressKeeper&, const std::function<void()>& work) { work(); }
};

struct KernelHarness {
  NetworkNamespace lan, host1, host2, client;
  boost::asio::io_context loop;
  std::unique_ptr<AddressKeeper> first, second;
  Mac second_mac{2, 0, 0, 0, 0, 2};
  bool may_announce = true;

  KernelHarness() {
    lan.shell("ip link add bridge0 type bridge mcast_snooping 0; ip link set bridge0 up");
    int number = 1;
    for (const auto* host : {&host1, &host2, &client}) {
      const std::string id = std::to_string(number++);
      const std::string port = "port" + id;
      lan.shell("ip link add " + port + " type veth peer name wire" + id);
      move(port, "wire" + id, *host, id);
    }
    first = open(host1);
    second = open(host2);
  }
  void move(const std::string& port, const std::string& wire, const NetworkNamespace& host, const std::string& id) {
    lan.shell("set -e; ip link set " + wire + " netns " + host.path() + "; ip link set " + port +
              " master bridge0; ip link set " + port + " up");
    host.shell("set -e; ip link set " + wire + " name wire; ip link set wire address 02:00:00:00:00:0" + id +
               "; ip link set wire up; ip addr add 10.99.0." + id + "/24 dev wire; ip addr add fd99::" + id +
               "/64 dev wire nodad");
  }
  // Sockets belong to the namespace of the thread that opens them.
  void at_home_of(const AddressKeeper& keeper, const std::function<void()>& work) {
    (&keeper == first.get() ? host1 : host2).run(work);
  }
  std::unique_ptr<AddressKeeper> open(const NetworkNamespace& host) {
    std::unique_ptr<AddressKeeper> opened;
    host.run([&] {
      auto result = open_kernel_address(loop.get_executor(), [this] { return may_announce; });
      ASSERT_TRUE(result) << result.error().to_string();
      opened = std::move(*result);
    });
    return opened;
  }
};

template <typename Harness>
class AddressContract : public ::testing::Test {
 protected:
  Harness harness;
  Status acquire(AddressKeeper& keeper, const Address& address, std::uint64_t epoch, Duration time = probe) {
    Status outcome;
    harness.at_home_of(keeper, [&] { outcome = run_task(harness.loop, keeper.acquire(address, {epoch}, time)); });
    return outcome;
  }
  Status ask(const Address& address) {
    Status outcome;
    harness.at_home_of(*harness.first, [&] { outcome = run_task(harness.loop, harness.first->ask(address, probe)); });
    return outcome;
  }
  static std::vector<Address> both() { return {{"10.99.0.9", 0, "wire"}, {"fd99::9", 0, "wire"}}; }
};
using Harnesses = ::testing::Types<FakeHarness, KernelHarness>;
TYPED_TEST_SUITE(AddressContract, Harnesses);

TYPED_TEST(AddressContract, is_held_from_acquire_to_release) {
  auto& keeper = *this->harness.first;
  for (const auto& address : this->both()) {
    EXPECT_EQ(keeper.held(address), false);
    ASSERT_TRUE(this->acquire(keeper, address, 1));
    EXPECT_EQ(keeper.held(address), true);
    ASSERT_TRUE(this->acquire(keeper, address, 1));  // again
    ASSERT_TRUE(keeper.release(address));
    EXPECT_EQ(keeper.held(address), false);
    ASSERT_TRUE(keeper.release(address));  // again
  }
}

TYPED_TEST(AddressContract, never_obeys_a_lower_epoch) {
  auto& keeper = *this->harness.first;
  const auto address = this->both()[0];
  ASSERT_TRUE(this->acquire(keeper, address, 5));
  ASSERT_TRUE(keeper.release(address));
  EXPECT_EQ(this->acquire(keeper, address, 4).error().code, ErrorCode::refused);
  EXPECT_EQ(keeper.held(address), false);
  EXPECT_TRUE(this->acquire(keeper, address, 5));
}

TYPED_TEST(AddressContract, is_not_taken_from_one_who_answers) {
  for (const auto& address : this->both()) {
    ASSERT_TRUE(this->acquire(*this->harness.second, address, 1));
    auto refused = this->acquire(*this->harness.first, address, 2);
    ASSERT_FALSE(refused) << address.address;
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_NE(refused.error().message.find(to_string(this->harness.second_mac)), std::string::npos);
    EXPECT_EQ(this->harness.first->held(address), false);
    EXPECT_EQ(this->ask(address).error().code, ErrorCode::conflict);
    ASSERT_TRUE(this->harness.second->release(address));
    EXPECT_TRUE(this->ask(address));
    EXPECT_EQ(this->harness.first->held(address), false) << "asking changes nothing";
    EXPECT_TRUE(this->acquire(*this->harness.first, address, 2));
    ASSERT_TRUE(this->harness.first->release(address));
  }
}

TYPED_TEST(AddressContract, a_claim_by_somebody_else_is_reported) {
  for (const auto& address : this->both()) {
    std::vector<Conflict> conflicts;
    this->harness.first->on_conflict([&](Conflict conflict) { conflicts.push_back(std::move(conflict)); });
    ASSERT_TRUE(this->acquire(*this->harness.first, address, 1, Duration(0)));
    ASSERT_TRUE(this->acquire(*this->harness.second, address, 1, Duration(0)));
    for (const auto end = runtime::boot_now() + 3s; conflicts.empty() && runtime::boot_now() < end;) {
      this->harness.loop.restart();
      this->harness.loop.run_for(5ms);
    }
    ASSERT_FALSE(conflicts.empty()) << address.address;
    EXPECT_EQ(conflicts[0].claimant, this->harness.second_mac);
    EXPECT_EQ(conflicts[0].address, address);
    EXPECT_EQ(this->harness.first->held(address), true) << "kept: the record decides";
    ASSERT_TRUE(this->harness.first->release(address));
    ASSERT_TRUE(this->harness.second->release(address));
  }
}

TYPED_TEST(AddressContract, nonsense_is_refused) {
  auto& keeper = *this->harness.first;
  EXPECT_EQ(this->acquire(keeper, {"10.99.0", 0, "wire"}, 1).error().code, ErrorCode::invalid);
  EXPECT_EQ(this->acquire(keeper, {"10.99.0.9", 0, ""}, 1).error().code, ErrorCode::invalid);
}

class KernelAddressTest : public AddressContract<KernelHarness> {
 protected:
  void run_for(Duration time) {
    harness.loop.restart();
    harness.loop.run_for(time);
  }
  std::string neighbour(const std::string& address) { return harness.client.shell("ip neigh show " + address); }
  // Makes the client resolve the address.
  void talk(const std::string& address) {
    harness.client.run([&] {
      const bool is_v4 = address.find(':') == std::string::npos;
      sockaddr_storage to{};
      to.ss_family = is_v4 ? AF_INET : AF_INET6;
      if (is_v4) {
        inet_pton(AF_INET, address.c_str(), &reinterpret_cast<sockaddr_in&>(to).sin_addr);
        reinterpret_cast<sockaddr_in&>(to).sin_port = htons(9);
      } else {
        inet_pton(AF_INET6, address.c_str(), &reinterpret_cast<sockaddr_in6&>(to).sin6_addr);
        reinterpret_cast<sockaddr_in6&>(to).sin6_port = htons(9);
      }
      const int socket = ::socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      static_cast<void>(::sendto(socket, "", 0, 0, reinterpret_cast<sockaddr*>(&to), sizeof to));
      ::close(socket);
    });
  }
};

TEST_F(KernelAddressTest, neighbours_follow_at_once_though_the_frozen_holder_keeps_it) {
  // host1 is frozen: it has the address still and, as the gate does it, answers no neighbour.
  harness.host1.shell(
      "nft add table arp shut; nft add chain arp shut output '{ type filter hook output priority 0; policy drop; }';"
      "nft add table ip6 shut; nft add chain ip6 shut output '{ type filter hook output priority 0; policy drop; }'");
  for (const auto& address : both()) {
    harness.host1.shell("ip addr add " + address.address + " dev wire nodad");
    harness.client.shell("ip neigh replace " + address.address + " lladdr 02:00:00:00:00:01 dev wire nud reachable");
    ASSERT_TRUE(acquire(*harness.second, address, 2));
    const TimePoint begin = runtime::boot_now();
    bool is_moved = false;
    while (!is_moved && runtime::boot_now() - begin < 2s) {
      run_for(1ms);
      is_moved = neighbour(address.address).find("02:00:00:00:00:02") != std::string::npos;
    }
    EXPECT_TRUE(is_moved) << neighbour(address.address);
    std::printf("%s: neighbour moved within %.1f ms\n", address.address.c_str(),
                std::chrono::duration<double, std::milli>(runtime::boot_now() - begin).count());
  }
}

TEST_F(KernelAddressTest, raw_announcements_pass_the_arp_hook) {
  // Why may_announce exists: netfilter's output hooks do not see frames of a packet socket.
  harness.host1.shell(
      "nft add table arp shut; nft add chain arp shut output '{ type filter hook output priority 0; policy drop; }'");
  harness.client.shell("ip neigh replace 10.99.0.9 lladdr 02:00:00:00:00:07 dev wire nud reachable");
  ASSERT_TRUE(acquire(*harness.first, both()[0], 1));
  run_for(20ms);
  EXPECT_NE(neighbour("10.99.0.9").find("02:00:00:00:00:01"), std::string::npos);
}

TEST_F(KernelAddressTest, announces_on_schedule_and_only_while_it_may_and_holds) {
  for (const auto& address : both()) {
    const Ip ip = *Ip::parse(address.address);
    int socket = -1;
    harness.client.run([&] { socket = *open_frame_socket(ip, static_cast<int>(::if_nametoindex("wire"))); });
    std::vector<TimePoint> heard;
    const auto listen_for = [&](Duration time) {
      heard.clear();
      for (const auto end = runtime::boot_now() + time; runtime::boot_now() < end;) {
        run_for(2ms);
        bool is_heard = false;
        while (auto frame = receive_frame(socket)) {
          const auto claim = read_claim(*frame, ip);
          is_heard = is_heard || (claim && !claim->is_probe);
        }
        if (is_heard) heard.push_back(runtime::boot_now());
      }
    };
    const TimePoint begin = runtime::boot_now();
    ASSERT_TRUE(acquire(*harness.first, address, 1, Duration(0)));
    listen_for(1200ms);
    ASSERT_EQ(heard.size(), 4U) << address.address;
    const Duration expected[] = {0ms, 50ms, 200ms, 1000ms};
    for (std::size_t i = 0; i < heard.size(); ++i) {
      EXPECT_GE(heard[i] - begin, expected[i]);
      EXPECT_LT(heard[i] - begin, expected[i] + 100ms);
    }
    ASSERT_TRUE(acquire(*harness.first, address, 1, Duration(0)));
    ASSERT_TRUE(harness.first->release(address));
    listen_for(300ms);
    EXPECT_TRUE(heard.empty()) << "released";
    harness.may_announce = false;
    ASSERT_TRUE(acquire(*harness.first, address, 1, Duration(0)));
    listen_for(300ms);
    EXPECT_TRUE(heard.empty()) << "not allowed to";
    harness.may_announce = true;
    ASSERT_TRUE(harness.first->release(address));
    ::close(socket);
  }
}

TEST_F(KernelAddressTest, a_release_while_the_link_is_asked_wins) {
  const auto address = both()[0];
  std::future<Status> pending;
  harness.at_home_of(*harness.first, [&] {
    pending = boost::asio::co_spawn(harness.loop, harness.first->acquire(address, {1}, 200ms), boost::asio::use_future);
    run_for(20ms);
  });
  ASSERT_TRUE(harness.first->release(address));
  run_for(400ms);
  ASSERT_EQ(pending.wait_for(0s), std::future_status::ready);
  EXPECT_EQ(pending.get().error().code, ErrorCode::refused);
  EXPECT_EQ(harness.first->held(address), false);
}

TEST_F(KernelAddressTest, routing_and_source_addresses_stay_as_they_were) {
  const auto routes = [&] { return harness.host1.shell("ip route; ip -6 route"); };
  const auto source4 = [&] { return harness.host1.shell("ip route get 10.99.0.2"); };
  const auto source6 = [&] { return harness.host1.shell("ip route get fd99::a"); };
  const auto before = routes() + source4() + source6();
  for (const auto& address : both()) ASSERT_TRUE(acquire(*harness.first, address, 1));
  EXPECT_EQ(routes() + source4() + source6(), before);
  // Nearer to the virtual address than to the own one, and still not chosen.
  EXPECT_NE(harness.host1.shell("ip route get fd99::8").find("src fd99::1"), std::string::npos);
}

TEST_F(KernelAddressTest, sees_what_others_did_to_the_address) {
  const auto address = both()[0];
  ASSERT_TRUE(acquire(*harness.first, address, 1));
  harness.host1.shell("ip addr del 10.99.0.9/32 dev wire");
  EXPECT_EQ(harness.first->held(address), false);
  ASSERT_TRUE(acquire(*harness.first, address, 1));
  EXPECT_EQ(harness.first->held(address), true);
}

TEST_F(KernelAddressTest, names_what_is_missing) {
  EXPECT_EQ(acquire(*harness.first, {"10.99.0.9", 0, "nowhere"}, 1).error().code, ErrorCode::not_found);
  EXPECT_EQ(acquire(*harness.first, {"10.99.0.9", 33, "wire"}, 1).error().code, ErrorCode::invalid);
  EXPECT_EQ(harness.first->held({"10.99.0.9", 0, "nowhere"}).error().code, ErrorCode::not_found);
}

TEST_F(KernelAddressTest, loopback_needs_no_announcement) {
  const Address address{"10.99.0.9", 0, "lo"};
  ASSERT_TRUE(acquire(*harness.first, address, 1));
  EXPECT_EQ(harness.first->held(address), true);
  ASSERT_TRUE(harness.first->release(address));
}

}  // namespace
}  // namespace gemel::adapters::address
