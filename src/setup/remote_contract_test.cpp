// The same expectations of a Remote against the fake and against a real sshd on loopback, with keys of its own.
// The server is /usr/sbin/sshd, or the program that GEMEL_SSHD names.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "runtime/child_process.h"
#include "runtime/files.h"
#include "runtime/test_loop.h"
#include "setup/fake_remote.h"
#include "setup/host_facts_script.h"
#include "setup/host_keys.h"
#include "setup/host_lock.h"
#include "setup/ssh_remote.h"
#include "site/test_facts.h"
#include "site/test_sites.h"

namespace gemel::setup {
namespace {

using runtime::CommandResult;
using runtime::Task;

std::uint16_t free_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(descriptor);
  return ntohs(address.sin_port);
}

Task<void> run_to(Remote* remote, std::string host, RemoteCommand command, Result<CommandResult>* result) {
  *result = co_await remote->run(std::move(host), std::move(command));
}

Task<void> run_local(std::vector<std::string> arguments) {
  runtime::ChildSpec spec;
  spec.arguments = std::move(arguments);
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  const auto result = co_await runtime::run_command(spec, std::chrono::seconds(20));
  EXPECT_TRUE(result && result->exit_code == 0) << (result ? result->output : result.error().to_string());
}

Task<void> scan(std::uint16_t port, std::vector<HostKey>* keys) {
  // The server was started a moment ago; until it listens a scan is empty.
  for (int round = 0; round < 100 && keys->empty(); ++round) {
    const auto found = co_await scan_host_keys({{"db1", "127.0.0.1"}}, port);
    EXPECT_TRUE(found);
    if (found) *keys = *found;
    if (keys->empty()) co_await runtime::sleep_for(std::chrono::milliseconds(50));
  }
}

Task<void> close(SshRemote* remote) { co_await remote->close(); }
Task<void> release(LockedRemote* remote) { co_await remote->release(); }

class SshContract : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "logs in as root";
    const char* named = std::getenv("GEMEL_SSHD");
    const std::string program = named != nullptr ? named : "/usr/sbin/sshd";
    if (::access(program.c_str(), X_OK) != 0) GTEST_SKIP() << program << " is not there (package openssh-server)";
    char name[] = "/tmp/gemel-sshd-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    for (const auto* key : {"host_key", "user_key"})
      loop_.run(run_local({"/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory_ / key}));
    ASSERT_TRUE(runtime::write_file_durably(directory_ / "authorized_keys",
                                            *runtime::read_file(directory_ / "user_key.pub"), 0600));
    ::mkdir("/run/sshd", 0755);  // the server's empty directory; a system that has the package has it
    port_ = free_port();
    runtime::ChildSpec spec;
    spec.arguments = {
        program, "-D", "-e", "-f", "/dev/null", "-p", std::to_string(port_), "-h", directory_ / "host_key"};
    for (const auto& option : {std::string("ListenAddress=127.0.0.1"), std::string("PermitRootLogin=prohibit-password"),
                               std::string("StrictModes=no"), std::string("PidFile=none"), std::string("UsePAM=no"),
                               "AuthorizedKeysFile=" + (directory_ / "authorized_keys").string()})
      spec.arguments.insert(spec.arguments.end(), {"-o", option});
    spec.environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}};
    spec.output = directory_ / "sshd.log";
    auto server = runtime::ChildProcess::start(loop_.executor(), spec);
    ASSERT_TRUE(server) << server.error().to_string();
    server_ = server->pid();
    std::vector<HostKey> keys;
    loop_.run(scan(port_, &keys));
    ASSERT_FALSE(keys.empty()) << *runtime::read_file(directory_ / "sshd.log");
    ASSERT_TRUE(pin(directory_ / "known_hosts", keys));
    remote_ = connect(directory_ / "known_hosts", directory_ / "user_key");
  }
  void TearDown() override {
    if (remote_) loop_.run(close(remote_.get()));
    if (server_ > 0) {
      ::kill(server_, SIGTERM);
      ::waitpid(server_, nullptr, 0);
    }
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  std::unique_ptr<SshRemote> connect(const std::filesystem::path& known_hosts, const std::filesystem::path& key) {
    SshSettings settings;
    settings.addresses = {{"db1", "127.0.0.1"}};
    settings.known_hosts = known_hosts;
    settings.key = key;
    settings.port = port_;
    return *SshRemote::create(settings);
  }
  Result<CommandResult> run(Remote& remote, RemoteCommand command, const std::string& host = "db1") {
    Result<CommandResult> result;
    loop_.run(run_to(&remote, host, std::move(command), &result));
    return result;
  }
  runtime::TestLoop loop_;
  std::filesystem::path directory_;
  std::uint16_t port_ = 0;
  pid_t server_ = 0;
  std::unique_ptr<SshRemote> remote_;
};

TEST_F(SshContract, arguments_arrive_as_they_are_with_exit_code_and_output) {
  const std::string odd = "it's $HOME; `id` \"x\" \\ *";
  const auto result = run(*remote_, script_command("printf '%s|' \"$@\"; exit 7", {odd, "", "b"}));
  ASSERT_TRUE(result) << result.error().to_string();
  EXPECT_EQ(result->exit_code, 7);
  EXPECT_EQ(result->output, odd + "||b|");
}

TEST_F(SshContract, a_file_is_put_whole_with_its_mode_and_not_at_all_when_cut_short) {
  const auto source = directory_ / "source";
  const auto target = directory_ / "target";
  const std::string content(100000, 'x');
  ASSERT_TRUE(runtime::write_file_durably(source, content, 0600));
  auto command = put_command(target, 0640, "root:root", content.size());
  command.input_file = source;
  auto result = run(*remote_, command);
  ASSERT_TRUE(result && result->exit_code == 0) << (result ? result->output : result.error().to_string());
  EXPECT_EQ(*runtime::read_file(target), content);
  struct stat about{};
  ASSERT_EQ(::stat(target.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0640U);
  // The same content again only gets its mode: nobody must read it anew.
  const auto before = about.st_ino;
  command = put_command(target, 0600, "root:root", content.size());
  command.input_file = source;
  result = run(*remote_, command);
  ASSERT_TRUE(result && result->exit_code == 0);
  ASSERT_EQ(::stat(target.c_str(), &about), 0);
  EXPECT_EQ(about.st_ino, before);
  EXPECT_EQ(about.st_mode & 07777, 0600U);
  command = put_command(target, 0640, "root:root", 5);
  command.input = "cut";
  result = run(*remote_, command);
  ASSERT_TRUE(result);
  EXPECT_NE(result->exit_code, 0);
  EXPECT_EQ(*runtime::read_file(target), content);
  unsigned left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_))
    left += entry.path().filename().string().starts_with("target") ? 1 : 0;
  EXPECT_EQ(left, 1U);
}

TEST_F(SshContract, a_second_command_uses_the_first_ones_connection) {
  RemoteCommand command;
  command.arguments = {"sh", "-c", "echo $SSH_CONNECTION"};
  const auto first = run(*remote_, command);
  const auto second = run(*remote_, command);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->output, second->output);
}

TEST_F(SshContract, another_host_key_and_another_user_key_are_denied) {
  RemoteCommand command;
  command.arguments = {"true"};
  const auto other = directory_ / "other_key";
  loop_.run(run_local({"/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other}));
  auto stranger = connect(directory_ / "known_hosts", other);
  EXPECT_EQ(run(*stranger, command).error().code, ErrorCode::denied);
  ASSERT_TRUE(
      runtime::write_file_durably(directory_ / "wrong", "db1 " + *runtime::read_file(other.string() + ".pub"), 0600));
  auto deceived = connect(directory_ / "wrong", directory_ / "user_key");
  EXPECT_EQ(run(*deceived, command).error().code, ErrorCode::denied);
  auto unpinned = connect(directory_ / "nothing", directory_ / "user_key");
  EXPECT_EQ(run(*unpinned, command).error().code, ErrorCode::denied);
  EXPECT_EQ(run(*remote_, command, "db9").error().code, ErrorCode::not_found);
}

TEST_F(SshContract, nobody_listening_is_unavailable_and_a_slow_command_times_out) {
  RemoteCommand command;
  command.arguments = {"sleep", "20"};
  command.limit = std::chrono::milliseconds(500);
  EXPECT_EQ(run(*remote_, command).error().code, ErrorCode::timed_out);
  port_ = free_port();
  auto nobody = connect(directory_ / "known_hosts", directory_ / "user_key");
  EXPECT_EQ(run(*nobody, command).error().code, ErrorCode::unavailable);
}

/// Two runs, each with connections of its own, that meet at the host.
class SshLockContract : public SshContract {
 protected:
  LockSettings settings(const std::string& who) {
    LockSettings settings;
    settings.token = "token of " + who;
    settings.about = "gemel apply of " + who;
    settings.file = directory_ / "holder";
    settings.patience = std::chrono::seconds(1);
    return settings;
  }
  Status take(LockedRemote& remote) {
    Status status;
    loop_.run(take_to(&remote, &status));
    return status;
  }
  Result<CommandResult> touch(LockedRemote& remote) {
    RemoteCommand command;
    command.arguments = {"sh", "-c", "cat; printf '%s' \"$1\"", "sh", "it's $HOME"};
    command.input = "input, ";
    return run(remote, command);
  }
  std::unique_ptr<SshRemote> other() { return connect(directory_ / "known_hosts", directory_ / "user_key"); }

 private:
  static Task<void> take_to(LockedRemote* remote, Status* status) { *status = co_await remote->take({"db1"}); }
};

TEST_F(SshLockContract, of_two_runs_one_is_refused_until_the_other_lets_go) {
  const auto connection = other();
  LockedRemote first(remote_.get(), settings("anna"));
  LockedRemote second(connection.get(), settings("bert"));
  ASSERT_TRUE(take(first));
  EXPECT_EQ(touch(first)->output, "input, it's $HOME");
  const auto refused = take(second);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("another run is changing db1: gemel apply of anna, from "
                                                          "127.0.0.1, since 20"));
  EXPECT_EQ(touch(second).error().code, ErrorCode::refused);
  EXPECT_TRUE(touch(first)) << "the one that was refused took nothing away";
  loop_.run(release(&first));
  EXPECT_TRUE(take(second));
  EXPECT_TRUE(touch(second));
  loop_.run(release(&second));
  loop_.run(close(connection.get()));
}

TEST_F(SshLockContract, a_run_whose_connection_dies_has_lost_the_host_to_the_next_one) {
  const auto connection = other();
  LockedRemote first(remote_.get(), settings("anna"));
  LockedRemote second(connection.get(), settings("bert"));
  ASSERT_TRUE(take(first));
  loop_.run(close(remote_.get()));  // all of its sessions end, whatever they do
  auto lost = touch(first);         // by a new connection
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::conflict);
  EXPECT_TRUE(take(second));
  lost = touch(first);
  ASSERT_FALSE(lost);
  EXPECT_THAT(lost.error().message, testing::HasSubstr("another run is changing db1: gemel apply of bert"));
  EXPECT_TRUE(touch(second));
  loop_.run(release(&second));
  loop_.run(close(connection.get()));
}

TEST_F(SshLockContract, a_holder_that_is_silent_for_longer_than_its_lease_does_not_block_for_ever) {
  const auto connection = other();
  auto impatient = settings("anna");
  impatient.lease = std::chrono::seconds(1);  // its beats come every hold_beat
  ASSERT_LT(impatient.lease, hold_beat);
  LockedRemote first(remote_.get(), impatient);
  auto patient = settings("bert");
  patient.patience = std::chrono::seconds(10);
  LockedRemote second(connection.get(), patient);
  ASSERT_TRUE(take(first));
  EXPECT_TRUE(take(second));
  EXPECT_EQ(touch(first).error().code, ErrorCode::conflict);
  EXPECT_TRUE(touch(second));
  loop_.run(release(&second));
  loop_.run(close(connection.get()));
}

TEST_F(SshLockContract, lives_longer_than_its_lease_while_its_process_does_nothing) {
  auto held = settings("anna");
  held.lease = hold_beat + std::chrono::seconds(2);
  LockedRemote first(remote_.get(), held);
  ASSERT_TRUE(take(first));
  // As a question to a person does, this stops the whole process: no task of it runs meanwhile.
  const auto wait =
      fmt::format("flock -w {} '{}' true", (held.lease + std::chrono::seconds(2)).count(), held.file.string());
  EXPECT_NE(std::system(wait.c_str()), 0) << "somebody else got it";
  EXPECT_TRUE(touch(first));
  loop_.run(release(&first));
  EXPECT_EQ(std::system(wait.c_str()), 0);
}

TEST_F(SshLockContract, leaves_nothing_running_and_can_be_taken_again) {
  const auto running = [&] {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc"))
      if (const auto words = runtime::read_file(entry.path() / "cmdline"); words)
        count += words->contains((directory_ / "holder").string()) ? 1 : 0;
    return count;
  };
  LockedRemote first(remote_.get(), settings("anna"));
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(take(first));
    EXPECT_GE(running(), 2) << "the client here, the script there";
    loop_.run(release(&first));
    EXPECT_EQ(running(), 0);
    EXPECT_EQ(*runtime::read_file(directory_ / "holder"), "");
  }
}

TEST_F(SshContract, the_facts_of_this_very_host_can_be_read) {
  const auto input = site::test::bare_input(*site::parse_site(site::test::good_site(), "site.toml").site);
  auto manifest = input.manifest;
  manifest.hosts["db1"] = {{directory_, 0700, "root", "root", true, "", ""},
                           {directory_ / "host_key", 0600, "root", "root", false, "", ""}};
  const auto result = run(*remote_, facts_command(input.site, manifest, input.site.hosts[2]));
  ASSERT_TRUE(result) << result.error().to_string();
  const auto facts = parse_facts(result->output);
  ASSERT_TRUE(facts) << facts.error().to_string() << result->output;
  EXPECT_FALSE(facts->host_name.empty());
  EXPECT_FALSE(facts->system.empty());
  EXPECT_TRUE(facts->files.at(directory_).is_directory);
  const auto& key = facts->files.at(directory_ / "host_key");
  EXPECT_EQ(key.sha256, site::sha256_hex(*runtime::read_file(directory_ / "host_key")));
  EXPECT_EQ(key.mode, 0600U);
  EXPECT_EQ(key.owner, "root");
  EXPECT_GT(key.changed, 1700000000);
}

}  // namespace
}  // namespace gemel::setup
