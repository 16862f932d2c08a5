#include "setup/ssh_remote.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/text.h"

namespace gemel::setup {
namespace {

constexpr int ssh_failed = 255;  // ssh(1): the connection's failure, not the command's
constexpr auto close_limit = std::chrono::seconds(3);

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

runtime::Task<Result<runtime::CommandResult>> SshRemote::run(std::string host, RemoteCommand command) {
  const auto address = settings_.addresses.find(host);
  if (address == settings_.addresses.end()) co_return fail(ErrorCode::not_found, "no host " + host);
  auto spec = base(host);
  std::vector<std::string> words;
  for (const auto& argument : command.arguments) words.push_back(shell_quoted(argument));
  spec.arguments.insert(spec.arguments.end(), {"--", address->second, join(words, " ")});
  const UnnamedFile text(command.input);
  if (command.input_file) {
    spec.input = *command.input_file;
  } else if (!command.input.empty()) {
    if (!text.is_complete()) co_return fail(ErrorCode::unavailable, "no memory for the input of a command");
    spec.input = text.path();
  }
  auto result = co_await runtime::run_command(std::move(spec), command.limit);
  if (!result) co_return std::unexpected(result.error());
  if (result->exit_code == ssh_failed) co_return std::unexpected(connection_error(result->output));
  co_return result;
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
