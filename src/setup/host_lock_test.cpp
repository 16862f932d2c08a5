#include "setup/host_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/test_loop.h"
#include "setup/fake_remote.h"

namespace gemel::setup {
namespace {

using runtime::CommandResult;
using runtime::Task;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

LockSettings settings() {
  LockSettings settings;
  settings.token = "mine";
  settings.about = "gemel apply of root at opsbox";
  return settings;
}

bool is_lock(const FakeRemote::Call& call) { return call.command.arguments.at(0) != "true"; }

Task<void> take_to(LockedRemote* remote, std::vector<std::string> hosts, Status* status) {
  *status = co_await remote->take(std::move(hosts));
}
Task<void> run_to(Remote* remote, std::string host, Result<CommandResult>* result) {
  RemoteCommand command;
  command.arguments = {"systemctl", "restart", "it's"};
  command.input = "text";
  *result = co_await remote->run(std::move(host), std::move(command));
}
Task<void> release(LockedRemote* remote) { co_await remote->release(); }

struct HostLock : testing::Test {
  Status take(LockedRemote& remote, std::vector<std::string> hosts) {
    Status status;
    loop.run(take_to(&remote, std::move(hosts), &status));
    return status;
  }
  Result<CommandResult> run(Remote& remote, const std::string& host) {
    Result<CommandResult> result;
    loop.run(run_to(&remote, host, &result));
    return result;
  }
  runtime::TestLoop loop;
};

TEST_F(HostLock, is_taken_in_the_same_order_whatever_the_site_files_is_and_let_go) {
  FakeRemote hosts;
  LockedRemote remote(&hosts, settings());
  ASSERT_TRUE(take(remote, {"db2", "ccm1", "db1"}));
  std::vector<std::string> order;
  for (const auto& call : hosts.calls())
    if (is_lock(call)) order.push_back(call.host);
  EXPECT_THAT(order, ElementsAre("ccm1", "db1", "db2"));
  EXPECT_THAT(hosts.held(), ElementsAre("ccm1", "db1", "db2"));
  loop.run(release(&remote));
  EXPECT_THAT(hosts.held(), IsEmpty());
}

TEST_F(HostLock, ends_with_its_owner) {
  FakeRemote hosts;
  {
    LockedRemote remote(&hosts, settings());
    ASSERT_TRUE(take(remote, {"db1"}));
  }
  EXPECT_THAT(hosts.held(), IsEmpty());
}

TEST_F(HostLock, of_another_run_is_told_and_what_was_taken_before_is_let_go) {
  FakeRemote hosts([](const FakeRemote::Call& call) -> Result<CommandResult> {
    if (is_lock(call) && call.host == "db1")
      return CommandResult{75,
                           "other\ngemel convert of anna at desk (process 7)\x1b[2J\n2026-01-02T03:04:05Z\n10.0.0.9\n"};
    return CommandResult{0, ""};
  });
  LockedRemote remote(&hosts, settings());
  const auto taken = take(remote, {"db1", "ccm1"});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::conflict);
  EXPECT_THAT(
      taken.error().message,
      HasSubstr("another run is changing db1: gemel convert of anna at desk (process 7)[2J, from 10.0.0.9, since "
                "2026-01-02T03:04:05Z; wait until it has ended"));
  EXPECT_THAT(hosts.held(), IsEmpty());
  EXPECT_EQ(run(remote, "ccm1").error().code, ErrorCode::refused);
}

TEST_F(HostLock, that_cannot_be_taken_is_an_error_and_not_another_run) {
  FakeRemote hosts([](const FakeRemote::Call& call) -> Result<CommandResult> {
    return is_lock(call) ? CommandResult{127, "sh: flock: not found\n"} : CommandResult{0, ""};
  });
  LockedRemote remote(&hosts, settings());
  const auto taken = take(remote, {"db1"});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::refused);
  EXPECT_THAT(taken.error().message, HasSubstr("flock: not found"));
}

TEST_F(HostLock, passes_over_a_host_that_does_not_answer_and_changes_nothing_there) {
  FakeRemote hosts([](const FakeRemote::Call& call) -> Result<CommandResult> {
    if (call.host == "db2") return fail(ErrorCode::unavailable, "no route to host");
    return CommandResult{0, "done"};
  });
  LockedRemote remote(&hosts, settings());
  ASSERT_TRUE(take(remote, {"db1", "db2"}));
  EXPECT_EQ(run(remote, "db1")->output, "done");
  const auto before = hosts.calls().size();
  EXPECT_EQ(run(remote, "db2").error().code, ErrorCode::unavailable);
  EXPECT_EQ(run(remote, "db3").error().code, ErrorCode::refused) << "nobody asked for its lock";
  EXPECT_EQ(hosts.calls().size(), before) << "the host was not asked";
}

TEST_F(HostLock, guards_each_command_without_touching_its_words_and_its_input) {
  FakeRemote hosts;
  LockedRemote remote(&hosts, settings());
  ASSERT_TRUE(take(remote, {"db1"}));
  ASSERT_TRUE(run(remote, "db1"));
  const auto& call = hosts.calls().back();
  const auto& words = call.command.arguments;
  ASSERT_GE(words.size(), 3U);
  EXPECT_EQ(std::vector<std::string>(words.end() - 4, words.end()),
            (std::vector<std::string>{"mine", "systemctl", "restart", "it's"}));
  EXPECT_EQ(call.command.input, "text");
}

TEST_F(HostLock, that_is_lost_is_a_conflict) {
  bool is_lost = false;
  std::string said;
  FakeRemote hosts([&](const FakeRemote::Call&) -> Result<CommandResult> {
    return is_lost ? CommandResult{186, said} : CommandResult{0, ""};
  });
  LockedRemote remote(&hosts, settings());
  ASSERT_TRUE(take(remote, {"db1"}));
  is_lost = true;
  auto lost = run(remote, "db1");
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::conflict);
  EXPECT_EQ(lost.error().message, "the lock of this run on db1 is gone");
  said = "theirs\ngemel apply of anna at desk\n2026-01-02T03:04:05Z\n10.0.0.9\n";
  lost = run(remote, "db1");
  EXPECT_THAT(lost.error().message,
              HasSubstr("another run is changing db1: gemel apply of anna at desk, from 10.0.0.9"));
}

}  // namespace
}  // namespace gemel::setup
