#include "runtime/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>

#include "runtime/files.h"
#include "runtime/test_loop.h"

namespace gemel::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

ChildSpec shell(std::string script) {
  return ChildSpec{.arguments = {"/bin/sh", "-c", std::move(script)}, .environment = {{"PATH", "/usr/bin:/bin"}}};
}

class Child : public testing::Test {
 protected:
  Child() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gemel-child-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  ~Child() override { std::filesystem::remove_all(folder); }
  TestLoop loop;
  std::filesystem::path folder;
};

Task<void> expect_output(ChildSpec spec, int code, std::string wanted) {
  const auto result = co_await run_command(std::move(spec), seconds(10));
  EXPECT_TRUE(result) << result.error().to_string();
  if (!result) co_return;
  EXPECT_EQ(result->exit_code, code);
  EXPECT_LE(result->output.size(), 64U << 10);
  EXPECT_NE(result->output.find(wanted), std::string::npos)
      << "wanted: " << wanted << "\ngot the end: "
      << result->output.substr(result->output.size() - std::min<std::size_t>(200, result->output.size()));
}

Task<void> expect_failure(ChildSpec spec, ErrorCode code, std::string text) {
  const auto result = co_await run_command(std::move(spec), milliseconds(100));
  EXPECT_FALSE(result);
  if (result) co_return;
  EXPECT_EQ(result.error().code, code);
  EXPECT_THAT(result.error().to_string(), HasSubstr(text));
}

TEST_F(Child, run_command_gives_output_and_exit_code) {
  loop.run(expect_output(shell("echo out; echo err >&2; exit 7"), 7, "out\nerr\n"));
  loop.run(expect_output(shell("kill -9 $$"), 128 + SIGKILL, ""));
  loop.run(expect_output(shell("cat; pwd; env"), 0, "/\n"));
}

TEST_F(Child, reads_its_input_from_a_file) {
  const auto file = folder / "input";
  ASSERT_TRUE(write_file_durably(file, "one line\n", 0600));
  auto spec = shell("cat");
  spec.input = file;
  loop.run(expect_output(spec, 0, "one line\n"));
  spec.input = folder / "missing";
  loop.run(expect_failure(spec, ErrorCode::not_found, "missing"));
}

TEST_F(Child, run_command_keeps_the_end_of_long_output) {
  loop.run(expect_output(shell("i=0; while [ $i -lt 40000 ]; do echo $i; i=$((i+1)); done"), 0, "\n39999\n"));
}

TEST_F(Child, run_command_does_not_wait_for_a_daemon_that_keeps_the_pipe) {
  const auto note = folder / "pid";
  loop.run(expect_output(shell("sleep 1000 & echo $! > " + note.string() + "; echo done"), 0, "done"));
  const auto pid = std::stoi(read_file(note).value());
  EXPECT_EQ(kill(pid, SIGKILL), 0) << "the daemon should still run";
}

/// Killed members end a moment after the leader. An orphan is reaped by init or stays a zombie; either way it is no
/// more.
Task<void> expect_end_of(pid_t pid) {
  const auto until = boot_now() + seconds(10);
  while (boot_now() < until) {
    const auto status = read_file("/proc/" + std::to_string(pid) + "/stat");
    if (!status || status->find(") Z ") != std::string::npos || status->find(") X ") != std::string::npos) co_return;
    co_await sleep_for(milliseconds(1));
  }
  ADD_FAILURE() << "process " << pid << " still runs";
}

TEST_F(Child, run_command_kills_the_whole_group_when_its_time_is_up) {
  const auto note = folder / "pid";
  loop.run(
      expect_failure(shell("sleep 1000 & echo $! > " + note.string() + "; wait"), ErrorCode::timed_out, "time was up"));
  loop.run(expect_end_of(std::stoi(read_file(note).value())));
}

TEST_F(Child, reports_what_cannot_be_started) {
  loop.run(expect_failure({.arguments = {"/no/such/program"}}, ErrorCode::not_found, "cannot execute"));
  loop.run(expect_failure({.arguments = {"relative"}}, ErrorCode::invalid, "absolute"));
  loop.run(expect_failure({.arguments = {"/bin/true"}, .working_directory = "/no/such"}, ErrorCode::not_found,
                          "working directory"));
  loop.run(expect_failure({.arguments = {"/bin/true"}, .user = "no-such-user"}, ErrorCode::not_found, "no user"));
  loop.run(expect_failure({.arguments = {"/bin/true"}, .cgroup = "/no/such"}, ErrorCode::not_found, "cgroup.procs"));
}

Task<void> cancel_command(TaskScope* scope, std::filesystem::path note) {
  scope->spawn("command", expect_output(shell("echo $$ > " + note.string() + "; exec sleep 1000"), 0, ""));
  while (!read_file(note) || read_file(note)->empty()) co_await sleep_for(milliseconds(1));
  EXPECT_THAT(co_await scope->stop(seconds(5)), testing::IsEmpty());
}

TEST_F(Child, a_cancelled_command_is_killed_and_collected) {
  TaskScope scope(loop.executor(), "scope");
  const auto note = folder / "pid";
  loop.run(cancel_command(&scope, note));
  const auto pid = std::stoi(read_file(note).value());
  EXPECT_EQ(kill(pid, 0), -1) << "neither running nor a zombie";
}

TEST_F(Child, leaks_no_descriptor_signal_or_session) {
  signal(SIGPIPE, SIG_IGN);
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const int leak = dup(1);  // without close-on-exec
  loop.run(expect_output(shell("ls /proc/$$/fd | tr '\\n' ' '"), 0, "0 1 2 "));
  loop.run(expect_output(shell("test -e /proc/$$/fd/" + std::to_string(leak) + " || echo clean"), 0, "clean"));
  loop.run(expect_output(shell("exec grep -E 'SigBlk|SigIgn' /proc/self/status"), 0,
                         "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000"));
  loop.run(expect_output(shell("test $(cut -d' ' -f6 /proc/$$/stat) = $$ && echo leader"), 0, "leader"));
  close(leak);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  signal(SIGPIPE, SIG_DFL);
}

TEST_F(Child, runs_as_another_user_with_its_groups) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  auto spec = shell("id -u; id -G; cat /proc/self/oom_score_adj; nice");
  spec.user = "nobody";
  spec.oom_score_adjust = 500;
  spec.nice = 5;
  loop.run(expect_output(spec, 0, "65534\n65534\n500\n5\n"));
}

TEST_F(Child, is_not_favoured_as_its_parent_is) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const int before = getpriority(PRIO_PROCESS, 0);
  ASSERT_EQ(setpriority(PRIO_PROCESS, 0, -10), 0);
  loop.run(expect_output(shell("nice"), 0, "0\n"));
  setpriority(PRIO_PROCESS, 0, before);
}

TEST_F(Child, appends_output_to_a_file) {
  auto spec = shell("echo one");
  spec.output = folder / "log";
  loop.run(expect_output(spec, 0, ""));
  loop.run(expect_output(spec, 0, ""));
  EXPECT_EQ(read_file(folder / "log").value(), "one\none\n");
}

Task<void> watch_exit(boost::asio::any_io_executor executor) {
  auto child = ChildProcess::start(executor, shell("exec sleep 1000"));
  EXPECT_TRUE(child);
  EXPECT_TRUE(child->is_running());
  auto observer = ChildProcess::adopt(executor, child->pid());
  EXPECT_TRUE(observer);
  child->signal(SIGTERM);
  const int seen_by_observer = co_await observer->wait_exit();
  EXPECT_EQ(seen_by_observer, -1);
  const int status = co_await child->wait_exit();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  EXPECT_FALSE(child->is_running());
  child->signal(SIGTERM);  // nothing happens
  const auto gone = ChildProcess::adopt(executor, child->pid());
  EXPECT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::not_found);
}

TEST_F(Child, the_end_of_a_child_and_of_an_adopted_process_is_seen) { loop.run(watch_exit(loop.executor())); }

/// A cgroup2 mount of the test's own, as the host may have none at the usual place.
class CgroupTest : public Child {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(mount("none", folder.c_str(), "cgroup2", 0, nullptr), 0) << strerror(errno);
    is_mounted = true;
    directory = folder / ("gemel-test-" + std::to_string(getpid()));
  }
  void TearDown() override {
    rmdir((directory / "inner").c_str());
    rmdir(directory.c_str());
    if (is_mounted) umount2(folder.c_str(), MNT_DETACH);
  }
  std::filesystem::path directory;
  bool is_mounted = false;
};

Task<void> kill_tree(boost::asio::any_io_executor executor, Cgroup group, Cgroup inner) {
  auto spec = shell("sleep 1000 & setsid sleep 1000 & wait");
  spec.cgroup = group.directory();
  auto child = ChildProcess::start(executor, spec);
  EXPECT_TRUE(child);
  while (group.processes().size() < 3) co_await sleep_for(milliseconds(1));
  auto other_spec = shell("exec sleep 1000");
  other_spec.cgroup = inner.directory();
  auto other = ChildProcess::start(executor, other_spec);
  EXPECT_TRUE(group.is_populated());
  const auto status = co_await group.kill_all(seconds(10));
  EXPECT_TRUE(status) << status.error().to_string();
  EXPECT_FALSE(group.is_populated());
  EXPECT_EQ(co_await child->wait_exit(), SIGKILL);
  EXPECT_EQ(co_await other->wait_exit(), SIGKILL);
  EXPECT_TRUE(co_await group.kill_all(seconds(1)));  // again: nothing left to kill
}

TEST_F(CgroupTest, kills_everything_inside_even_other_sessions_and_inner_groups) {
  auto group = Cgroup::open(directory);
  ASSERT_TRUE(group) << group.error().to_string();
  ASSERT_TRUE(Cgroup::open(directory)) << "adopting an existing one";
  auto inner = Cgroup::open(directory / "inner");
  ASSERT_TRUE(inner);
  loop.run(kill_tree(loop.executor(), *group, *inner));
}

TEST_F(CgroupTest, a_directory_elsewhere_is_no_cgroup) {
  const auto group = Cgroup::open("/tmp");
  ASSERT_FALSE(group);
  EXPECT_EQ(group.error().code, ErrorCode::unsupported);
}

TEST_F(CgroupTest, finds_the_directory_of_this_process) {
  const auto own = Cgroup::own_directory();
  ASSERT_TRUE(own) << own.error().to_string();
  EXPECT_THAT(read_file(*own / "cgroup.procs").value(), HasSubstr(std::to_string(getpid()) + "\n"));
}

}  // namespace
}  // namespace gemel::runtime
