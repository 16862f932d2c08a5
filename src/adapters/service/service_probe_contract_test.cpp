// One suite for the fake and for the probe over a real network: two namespaces with a cable between them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "adapters/service/fake_probe.h"
#include "adapters/service/icmp_probe.h"
#include "support/network_namespace.h"

namespace gemel::adapters::service {
namespace {

using gemel::testing::NetworkNamespace;
using ::testing::ElementsAre;
using namespace std::chrono_literals;

const std::vector<std::string> targets{"10.99.0.2", "10.99.0.3", "fd99::2"};

struct FakeHarness {
  FakeProbe probe{targets};
  FakeHarness() { probe.set_silent({"10.99.0.3"}); }
  void unplug() { probe.set_silent({targets.begin(), targets.end()}); }
  void plug() { probe.set_silent({"10.99.0.3"}); }
  std::optional<Look> look() { return probe.look(); }
};

/// .2 and ::2 are the far end of the cable, .3 is nobody.
struct NetworkHarness {
  NetworkNamespace here;
  NetworkNamespace there;
  std::unique_ptr<ServiceProbe> probe;
  NetworkHarness() {
    here.connect(there, "cable");
    here.shell("ip address add 10.99.0.1/24 dev cable && ip address add fd99::1/64 dev cable nodad");
    there.shell("ip address add 10.99.0.2/24 dev cable && ip address add fd99::2/64 dev cable nodad");
    here.run([this] {
      auto opened = open_icmp_probe(targets);
      ASSERT_TRUE(opened) << opened.error().to_string();
      probe = std::move(*opened);
    });
  }
  void unplug() const { there.shell("ip link set cable down"); }
  void plug() const { there.shell("ip link set cable up && ip address replace fd99::2/64 dev cable nodad"); }
  /// The time between two looks is the probe's time-out: it is what is measured, no synchronisation.
  std::optional<Look> look() {
    boost::asio::io_context loop;
    boost::asio::steady_timer timer(loop, 200ms);
    timer.async_wait([](const boost::system::error_code&) {});
    loop.run();
    return probe->look();
  }
};

template <typename Harness>
class ServiceProbeContract : public ::testing::Test {
 protected:
  Harness harness;
};
using Harnesses = ::testing::Types<FakeHarness, NetworkHarness>;
TYPED_TEST_SUITE(ServiceProbeContract, Harnesses);

TYPED_TEST(ServiceProbeContract, says_nothing_before_it_has_asked) { EXPECT_FALSE(this->harness.look().has_value()); }

TYPED_TEST(ServiceProbeContract, names_who_is_silent) {
  (void)this->harness.look();
  const auto look = this->harness.look();
  ASSERT_TRUE(look.has_value());
  EXPECT_EQ(look->total, 3U);
  EXPECT_EQ(look->reachable(), 2U);
  EXPECT_THAT(look->silent, ElementsAre("10.99.0.3"));
}

TYPED_TEST(ServiceProbeContract, follows_the_network_down_and_up) {
  (void)this->harness.look();
  this->harness.unplug();
  (void)this->harness.look();  // this question meets a dead network
  auto look = this->harness.look();
  ASSERT_TRUE(look.has_value());
  EXPECT_EQ(look->reachable(), 0U);
  EXPECT_THAT(look->silent, ::testing::ElementsAreArray(targets)) << "in the order of the configuration";
  this->harness.plug();
  // A neighbour that did not answer is not asked for at once again by the kernel.
  for (int count = 0; count < 50 && look->reachable() < 2; ++count) look = this->harness.look();
  EXPECT_THAT(look->silent, ElementsAre("10.99.0.3"));
}

TEST(IcmpProbe, refuses_what_is_no_address) {
  const auto opened = open_icmp_probe({"10.0.0.1", "gateway"});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::invalid);
}

TEST(IcmpProbe, without_a_route_everybody_is_silent) {
  const NetworkNamespace alone;
  alone.run([] {
    auto probe = open_icmp_probe({"192.0.2.1"});
    ASSERT_TRUE(probe) << probe.error().to_string();
    (void)(*probe)->look();
    EXPECT_THAT((*probe)->look()->silent, ElementsAre("192.0.2.1"));
  });
}

}  // namespace
}  // namespace gemel::adapters::service
