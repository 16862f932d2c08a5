#include "setup/ssh_remote.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "runtime/files.h"

namespace gemel::setup {
namespace {

constexpr int ssh_failed = 255;  // ssh(1): the connection's failure, not the command's
constexpr auto close_limit = std::chrono::seconds(3);
constexpr auto hold_look_interval = std::chrono::milliseconds(10);

/// A file without a name that holds `content`; a child opens it by the path of our descriptor.
class UnnamedFile {
 public:
  explicit UnnamedFile(std::string_view content) : descriptor_(memfd_create("input", MFD_CLOEXEC)) {
    while (descriptor_ >= 0 && !content.empty()) {
      const auto written = ::write(descriptor_, content.data(), content.size());
      if (written <= 0) break;
      content.remove_prefix(static_cast<std::size_t>(written));
    }
    is_complete_ = descriptor_ >= 0 && content.empty();
  }
  UnnamedFile(const UnnamedFile&) = delete;
  UnnamedFile& operator=(const UnnamedFile&) = delete;
  ~UnnamedFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] bool is_complete() const { return is_complete_; }
  [[nodiscard]] std::filesystem::path path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

 private:
  int descriptor_;
  bool is_complete_ = false;
};

/// Two descriptors of one pipe, closed when nobody needs them.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) ends_[0] = ends_[1] = -1;
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_reading();
    close_writing();
  }
  [[nodiscard]] bool is_open() const { return ends_[0] >= 0; }
  // A child that opens it by this path has a descriptor of its own.
  [[nodiscard]] std::filesystem::path reading() const { return fmt::format("/proc/self/fd/{}", ends_[0]); }
  [[nodiscard]] std::filesystem::path writing() const { return fmt::format("/proc/self/fd/{}", ends_[1]); }
  void close_reading() { close(ends_[0]); }
  void close_writing() { close(ends_[1]); }

 private:
  static void close(int& descriptor) {
    if (descriptor >= 0) ::close(descriptor);
    descriptor = -1;
  }
  int ends_[2] = {-1, -1};
};

/// Writes a line so often until its input ends: a process of its own, because ours stands still while a person is
/// asked.
constexpr const char* beat_script = R"sh(while echo .; do
  timeout "$1" cat >/dev/null
  [ $? = 124 ] || exit 0
done)sh";

/// The client of a command that is held. The pipe that this process holds open ends the beats, those the client's
/// input, and that the command.
class SshHold : public RemoteHold {
 public:
  static Result<std::unique_ptr<SshHold>> start(boost::asio::any_io_executor executor, runtime::ChildSpec client) {
    std::unique_ptr<SshHold> hold(new SshHold());
    Pipe beats;
    if (!hold->life_.is_open() || !beats.is_open() || !hold->output_.is_complete())
      return fail_errno(errno, "cannot make a pipe");
    runtime::ChildSpec beater;
    beater.arguments = {"/bin/sh", "-c", beat_script, "gemel-beat", std::to_string(hold_beat.count())};
    beater.environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C"}};
    beater.input = hold->life_.reading();
    beater.output = beats.writing();
    auto started = runtime::ChildProcess::start(executor, beater);
    if (!started) return std::unexpected(started.error());
    hold->beater_ = *std::move(started);
    client.input = beats.reading();
    client.output = hold->output_.path();
    started = runtime::ChildProcess::start(executor, client);
    if (!started) return std::unexpected(started.error());
    hold->client_ = *std::move(started);
    hold->life_.close_reading();
    return hold;
  }

  [[nodiscard]] std::string output() const { return runtime::read_file(output_.path()).value_or(""); }
  [[nodiscard]] bool is_ready() const { return ("\n" + output()).contains(fmt::format("\n{}\n", hold_ready)); }
  /// Nothing as long as the command goes on.
  [[nodiscard]] std::optional<runtime::CommandResult> ended() {
    const auto status = client_->exit_status();
    if (!status) return std::nullopt;
    return runtime::CommandResult{WIFSIGNALED(*status) ? 128 + WTERMSIG(*status) : WEXITSTATUS(*status), output()};
  }
  runtime::Task<void> let_go() override {
    life_.close_writing();
    const auto deadline = runtime::boot_now() + close_limit;
    while ((client_->is_running() || beater_->is_running()) && runtime::boot_now() < deadline)
      co_await runtime::sleep_for(hold_look_interval);
  }

 private:
  SshHold() : output_("") {}
  Pipe life_;
  UnnamedFile output_;
  std::optional<runtime::ChildProcess> beater_;
  std::optional<runtime::ChildProcess> client_;
};

Error connection_error(const std::string& output) {
  const std::string said(trim(output));
  const bool is_denied = said.contains("Permission denied") || said.contains("Host key verification failed") ||
                         said.contains("IDENTIFICATION HAS CHANGED");
  return {is_denied ? ErrorCode::denied : ErrorCode::unavailable, said.empty() ? "the connection failed" : said, 0};
}

}  // namespace

Result<std::unique_ptr<SshRemote>> SshRemote::create(SshSettings settings) {
  // A socket's path may have 108 bytes: the state directory may be too deep for it.
  char name[] = "/tmp/gemel-ssh-XXXXXX";
  if (mkdtemp(name) == nullptr) return fail_errno(errno, "cannot make a directory for the connections");
  return std::unique_ptr<SshRemote>(new SshRemote(std::move(settings), name));
}

SshRemote::SshRemote(SshSettings settings, std::filesystem::path sockets)
    : settings_(std::move(settings)), sockets_(std::move(sockets)) {}

SshRemote::~SshRemote() {
  std::error_code ignored;  // what is left is an empty directory in /tmp
  std::filesystem::remove_all(sockets_, ignored);
}

runtime::ChildSpec SshRemote::base(const std::string& host) const {
  runtime::ChildSpec spec;
  spec.environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C"}};
  if (const char* agent = std::getenv("SSH_AUTH_SOCK"); agent != nullptr && !settings_.key)
    spec.environment["SSH_AUTH_SOCK"] = agent;
  auto& arguments = spec.arguments;
  // Nothing of the user's or the system's own settings: every host is reached in the same way.
  arguments = {settings_.program.string(),    "-F", "none", "-T", "-l", settings_.user, "-p",
               std::to_string(settings_.port)};
  const auto option = [&](const std::string& text) { arguments.insert(arguments.end(), {"-o", text}); };
  option("BatchMode=yes");
  option("StrictHostKeyChecking=yes");
  option("UserKnownHostsFile=\"" + settings_.known_hosts.string() + "\"");
  option("GlobalKnownHostsFile=/dev/null");
  option("UpdateHostKeys=no");
  option("HostKeyAlias=" + host);
  option("ControlMaster=auto");
  option("ControlPath=" + (sockets_ / "%C").string());
  option("ControlPersist=60");
  option("ConnectTimeout=10");
  option("ServerAliveInterval=5");
  option("ServerAliveCountMax=3");
  option("ForwardAgent=no");
  option("ClearAllForwardings=yes");
  option("LogLevel=ERROR");
  if (settings_.key) {
    option("IdentitiesOnly=yes");
    arguments.insert(arguments.end(), {"-i", settings_.key->string()});
  }
  return spec;
}

Result<runtime::ChildSpec> SshRemote::client(const std::string& host, const RemoteCommand& command) const {
  const auto address = settings_.addresses.find(host);
  if (address == settings_.addresses.end()) return fail(ErrorCode::not_found, "no host " + host);
  auto spec = base(host);
  std::vector<std::string> words;
  for (const auto& argument : command.arguments) words.push_back(shell_quoted(argument));
  spec.arguments.insert(spec.arguments.end(), {"--", address->second, join(words, " ")});
  return spec;
}

runtime::Task<Result<runtime::CommandResult>> SshRemote::run(std::string host, RemoteCommand command) {
  auto spec = client(host, command);
  if (!spec) co_return std::unexpected(spec.error());
  const UnnamedFile text(command.input);
  if (command.input_file) {
    spec->input = *command.input_file;
  } else if (!command.input.empty()) {
    if (!text.is_complete()) co_return fail(ErrorCode::unavailable, "no memory for the input of a command");
    spec->input = text.path();
  }
  auto result = co_await runtime::run_command(*std::move(spec), command.limit);
  if (!result) co_return std::unexpected(result.error());
  if (result->exit_code == ssh_failed) co_return std::unexpected(connection_error(result->output));
  co_return result;
}

runtime::Task<Result<HoldOutcome>> SshRemote::hold(std::string host, RemoteCommand command) {
  auto spec = client(host, command);
  if (!spec) co_return std::unexpected(spec.error());
  const auto executor = co_await boost::asio::this_coro::executor;
  auto hold = SshHold::start(executor, *std::move(spec));
  if (!hold) co_return std::unexpected(hold.error());
  const auto deadline = runtime::boot_now() + command.limit;
  while (!(*hold)->is_ready()) {
    if (const auto ended = (*hold)->ended()) {
      if (ended->exit_code == ssh_failed) co_return std::unexpected(connection_error(ended->output));
      HoldOutcome outcome;
      outcome.ended = *ended;
      co_return outcome;
    }
    if (runtime::boot_now() >= deadline)
      co_return fail(ErrorCode::timed_out, host + ": no answer in time: " + (*hold)->output());
    co_await runtime::sleep_for(hold_look_interval);
  }
  HoldOutcome outcome;
  outcome.hold = *std::move(hold);
  co_return outcome;
}

runtime::Task<void> SshRemote::close() {
  for (const auto& [host, address] : settings_.addresses) {
    auto spec = base(host);
    spec.arguments.insert(spec.arguments.end(), {"-O", "exit", "--", address});
    // A connection that is not there cannot be ended: the answer does not matter.
    const auto ended = co_await runtime::run_command(std::move(spec), close_limit);
    static_cast<void>(ended);
  }
}

}  // namespace gemel::setup
