// The operator's program is a real one here, a shell script; the kernel is the fake keeper.
#include "adapters/address/command_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "adapters/address/fake_address.h"
#include "base/text.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::address {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Address vip{"10.0.0.9", 0, "eth0"};

class CommandAddressTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/gemel-address-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// The program notes its arguments, then does `body`.
  void open(const std::string& body, CommandTimes times = {.limit = 5s, .again = 10s},
            std::vector<Address> checked = {}) {
    const auto program = folder_ / "move";
    std::ofstream(program) << "#!/bin/sh\necho \"$@\" >>" << (folder_ / "calls").string() << "\n" << body << "\n";
    chmod(program.c_str(), 0755);
    keeper = open_command_address(loop.get_executor(), std::make_unique<FakeAddress>(link, Mac{2, 0, 0, 0, 0, 1}),
                                  program, times, std::move(checked));
  }
  std::vector<std::string> calls() {
    std::ifstream file(folder_ / "calls");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  void write(const std::string& name) { std::ofstream(folder_ / name) << "\n"; }
  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
  Status acquire(Epoch epoch) {
    Status outcome;
    run(take(keeper.get(), epoch, &outcome));
    return outcome;
  }
  /// On the loop, as its users do: what is cancelled from outside would be so later.
  Status release() {
    Status outcome;
    run(drop(keeper.get(), &outcome));
    return outcome;
  }
  void wait(Duration time) { run(runtime::sleep_for(time)); }
  /// Until `task` ended; what the keeper has going on stays.
  void run(runtime::Task<void> task) {
    auto result = boost::asio::co_spawn(loop, std::move(task), boost::asio::use_future);
    loop.restart();
    while (result.wait_for(0s) != std::future_status::ready) loop.run_one();
    result.get();
  }

  FakeLink link;
  boost::asio::io_context loop;
  std::unique_ptr<AddressKeeper> keeper;

 private:
  static runtime::Task<void> take(AddressKeeper* keeper, Epoch epoch, Status* outcome) {
    *outcome = co_await keeper->acquire(vip, epoch, 0ms);
  }
  static runtime::Task<void> drop(AddressKeeper* keeper, Status* outcome) {
    *outcome = keeper->release(vip);
    co_return;
  }
  std::filesystem::path folder_;
};

runtime::Task<void> release_soon(AddressKeeper* keeper) {
  co_await runtime::sleep_for(100ms);
  EXPECT_TRUE(keeper->release(vip));
}
runtime::Task<void> acquire_while(AddressKeeper* keeper, runtime::TaskScope* scope, Status* outcome) {
  scope->spawn("release", release_soon(keeper));
  *outcome = co_await keeper->acquire(vip, Epoch{3}, 0ms);
}

TEST_F(CommandAddressTest, tells_the_network_after_the_kernel_has_the_address) {
  open("exit 0");
  EXPECT_TRUE(acquire(Epoch{3}));
  EXPECT_THAT(calls(), ElementsAre("take 10.0.0.9 3 eth0"));
  EXPECT_TRUE(*keeper->held(vip));
  EXPECT_TRUE(release());
  EXPECT_FALSE(*keeper->held(vip));
}

TEST_F(CommandAddressTest, says_what_the_program_said_and_can_be_tried_again) {
  open("[ -e " + path("good") + " ] && exit 0\necho the cloud is away >&2\nexit 4");
  const auto failed = acquire(Epoch{3});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::unavailable);
  EXPECT_THAT(failed.error().message, HasSubstr("ended with 4: the cloud is away"));
  write("good");
  EXPECT_TRUE(acquire(Epoch{3}));
}

TEST_F(CommandAddressTest, does_not_run_the_program_for_an_epoch_that_is_over) {
  open("exit 0");
  ASSERT_TRUE(acquire(Epoch{3}));
  ASSERT_TRUE(release());
  EXPECT_EQ(acquire(Epoch{2}).error().code, ErrorCode::refused);
  EXPECT_THAT(calls(), ElementsAre("take 10.0.0.9 3 eth0"));
}

TEST_F(CommandAddressTest, tells_the_network_again_while_it_is_held_and_no_longer) {
  open("exit 0", {.limit = 5s, .again = 20ms});
  ASSERT_TRUE(acquire(Epoch{3}));
  for (int round = 0; round < 200 && calls().size() < 3; ++round) wait(10ms);
  EXPECT_GE(calls().size(), 3U);
  EXPECT_TRUE(release());
  wait(50ms);
  const auto count = calls().size();
  wait(100ms);
  EXPECT_EQ(calls().size(), count);
}

TEST_F(CommandAddressTest, a_release_kills_a_call_that_runs) {
  open("sleep 20\necho late >>" + path("late"));
  Status outcome;
  runtime::TaskScope scope(loop.get_executor(), "test");
  const auto begin = runtime::boot_now();
  run(acquire_while(keeper.get(), &scope, &outcome));
  EXPECT_LT(runtime::boot_now() - begin, 5s);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::refused);
  EXPECT_FALSE(std::filesystem::exists(path("late")));
}

TEST_F(CommandAddressTest, a_call_that_hangs_ends_after_its_limit) {
  open("sleep 20", {.limit = 100ms, .again = 10s});
  const auto outcome = acquire(Epoch{3});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::timed_out);
}

TEST_F(CommandAddressTest, a_program_that_can_is_asked_before_anything_is_taken) {
  open("[ $1 = take ]", {.limit = 5s, .again = 10s, .check = 20ms}, {vip});
  for (int round = 0; round < 200 && calls().size() < 2; ++round) wait(10ms);
  EXPECT_THAT(calls(), Contains("check 10.0.0.9 0 eth0"));
  EXPECT_FALSE(*keeper->held(vip));
  EXPECT_TRUE(acquire(Epoch{3})) << "what a check says is not what decides";
}

TEST_F(CommandAddressTest, a_program_of_the_operator_is_not_asked_for_what_it_need_not_know) {
  open("exit 0", {.limit = 5s, .again = 10s, .check = 5ms});
  wait(50ms);
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(CommandAddressTest, a_program_that_is_missing_is_named) {
  open("exit 0");
  std::filesystem::remove(path("move"));
  const auto outcome = acquire(Epoch{3});
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().to_string(), HasSubstr(path("move")));
  EXPECT_THAT(calls(), IsEmpty());
}

}  // namespace
}  // namespace gemel::adapters::address
