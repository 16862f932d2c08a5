// One suite for the fake and for the kernel's gate. What only traffic can show is in gate_traffic_contract_test.cpp.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "adapters/gate/fake_gate.h"
#include "adapters/gate/kernel_gate.h"
#include "support/network_namespace.h"

namespace gemel::adapters::gate {
namespace {

using namespace std::chrono_literals;
using testing::NetworkNamespace;

constexpr const char* vip = "10.99.0.9";
constexpr const char* vip6 = "fd99::9";
constexpr Duration gate_lateness = 20ms;  // T_gate

template <typename T>
T run_task(boost::asio::io_context& loop, runtime::Task<T> task) {
  auto result = boost::asio::co_spawn(loop, std::move(task), boost::asio::use_future);
  loop.restart();
  while (result.wait_for(0s) != std::future_status::ready) loop.run_one();
  return result.get();
}

// Two kinds of gate behind one face: how to make one, and how to let time pass.
struct FakeHarness {
  boost::asio::io_context loop;
  TimePoint now{1h};
  std::unique_ptr<Gate> gate = std::make_unique<FakeGate>([this] { return now; });
  void pass(Duration time) { now = now + time; }
};

struct KernelHarness {
  NetworkNamespace network;
  boost::asio::io_context loop;
  std::unique_ptr<Gate> gate;
  KernelHarness() {
    network.run([&] {
      auto opened = open_kernel_gate(loop.get_executor(), {.vip = vip, .vip6 = vip6, .peers = {"10.99.0.2"}});
      ASSERT_TRUE(opened) << opened.error().to_string();
      gate = std::move(*opened);
    });
  }
  // Real time must pass for the kernel: this is the measured quantity, not a synchronisation.
  void pass(Duration time) {
    loop.restart();
    loop.run_for(time);  // the watch for foreign changes keeps it running
  }
};

template <typename Harness>
class GateContract : public ::testing::Test {
 protected:
  Harness harness;
  Status install(InstallMode mode) { return run_task(harness.loop, harness.gate->install(mode)); }
};
using Harnesses = ::testing::Types<FakeHarness, KernelHarness>;
TYPED_TEST_SUITE(GateContract, Harnesses);

TYPED_TEST(GateContract, is_not_found_before_it_is_installed) {
  EXPECT_EQ(this->harness.gate->is_open().error().code, ErrorCode::not_found);
  EXPECT_EQ(this->harness.gate->refresh(500ms).error().code, ErrorCode::not_found);
}

TYPED_TEST(GateContract, opens_and_shuts) {
  auto& gate = *this->harness.gate;
  ASSERT_TRUE(this->install(InstallMode::shut));
  EXPECT_EQ(gate.is_open(), false);
  ASSERT_TRUE(gate.refresh(5s));
  EXPECT_EQ(gate.is_open(), true);
  ASSERT_TRUE(gate.shut());
  EXPECT_EQ(gate.is_open(), false);
  ASSERT_TRUE(gate.shut());  // again
}

TYPED_TEST(GateContract, shuts_by_itself) {
  auto& gate = *this->harness.gate;
  ASSERT_TRUE(this->install(InstallMode::shut));
  ASSERT_TRUE(gate.refresh(60ms));
  EXPECT_EQ(gate.is_open(), true);
  this->harness.pass(60ms + gate_lateness);
  EXPECT_EQ(gate.is_open(), false);
}

TYPED_TEST(GateContract, a_shorter_refresh_shortens) {
  auto& gate = *this->harness.gate;
  ASSERT_TRUE(this->install(InstallMode::shut));
  ASSERT_TRUE(gate.refresh(1h));
  ASSERT_TRUE(gate.refresh(60ms));
  this->harness.pass(60ms + gate_lateness);
  EXPECT_EQ(gate.is_open(), false);
}

TYPED_TEST(GateContract, draining_is_open_and_ends_by_itself) {
  auto& gate = *this->harness.gate;
  EXPECT_EQ(gate.drain(500ms).error().code, ErrorCode::not_found);
  ASSERT_TRUE(this->install(InstallMode::shut));
  ASSERT_TRUE(gate.refresh(1h));
  ASSERT_TRUE(gate.drain(5s));
  EXPECT_EQ(gate.is_open(), true);
  ASSERT_TRUE(gate.drain(60ms));
  this->harness.pass(60ms + gate_lateness);
  EXPECT_EQ(gate.is_open(), false);
  ASSERT_TRUE(gate.drain(Gate::shortest_life));
  EXPECT_EQ(gate.is_open(), false);
}

TYPED_TEST(GateContract, never_opens_for_less_than_a_kernel_tick) {
  auto& gate = *this->harness.gate;
  ASSERT_TRUE(this->install(InstallMode::shut));
  for (Duration tiny : {Duration(10ms), Duration(999us), Duration(1ns), Duration(0), Duration(-1h)}) {
    ASSERT_TRUE(gate.refresh(5s));
    ASSERT_TRUE(gate.refresh(tiny));
    EXPECT_EQ(gate.is_open(), false) << tiny.count() << " ns";
  }
}

TYPED_TEST(GateContract, installing_again_shuts_or_keeps) {
  auto& gate = *this->harness.gate;
  ASSERT_TRUE(this->install(InstallMode::shut));
  ASSERT_TRUE(gate.refresh(5s));
  ASSERT_TRUE(this->install(InstallMode::keep_open));
  EXPECT_EQ(gate.is_open(), true);
  ASSERT_TRUE(this->install(InstallMode::shut));
  EXPECT_EQ(gate.is_open(), false);
  ASSERT_TRUE(this->install(InstallMode::keep_open));  // nothing to keep
  EXPECT_EQ(gate.is_open(), false);
}

TYPED_TEST(GateContract, keeping_open_does_not_prolong) {
  auto& gate = *this->harness.gate;
  ASSERT_TRUE(this->install(InstallMode::shut));
  ASSERT_TRUE(gate.refresh(100ms));
  ASSERT_TRUE(this->install(InstallMode::keep_open));
  this->harness.pass(100ms + gate_lateness);
  EXPECT_EQ(gate.is_open(), false);
}

TYPED_TEST(GateContract, removal_leaves_nothing) {
  ASSERT_TRUE(this->install(InstallMode::shut));
  ASSERT_TRUE(run_task(this->harness.loop, this->harness.gate->remove()));
  EXPECT_EQ(this->harness.gate->is_open().error().code, ErrorCode::not_found);
  ASSERT_TRUE(run_task(this->harness.loop, this->harness.gate->remove()));  // again
}

}  // namespace
}  // namespace gemel::adapters::gate
