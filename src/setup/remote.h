// What the setup asks of a host's shell: run one command there. An interface, so that tests need no host.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "runtime/child_process.h"
#include "runtime/task_scope.h"

namespace gemel::setup {

/// One command for one host. Everybody on both hosts may see the arguments: no secret may be among them. What is secret
/// goes through the input.
struct RemoteCommand {
  std::vector<std::string> arguments;               // a program and its arguments; never read by a shell as text
  std::string input;                                // standard input, unless there is an input_file
  std::optional<std::filesystem::path> input_file;  // a file of this host
  Duration limit = std::chrono::seconds(60);
};

/// Runs commands as root on the hosts of one site. Loop thread only.
class Remote {
 public:
  Remote() = default;
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;
  virtual ~Remote() = default;

  /// Runs the command to its end: exit code and what it printed (64 KiB at most, from the end). `unavailable`: the host
  /// was not reached or the connection broke; `timed_out`: after the limit; both leave open what was done (unknown).
  /// `not_found`: no such host in the site; `denied`: the host did not let us in. Suspends; when cancelled, what was
  /// begun on the host may go on.
  virtual runtime::Task<Result<runtime::CommandResult>> run(std::string host, RemoteCommand command) = 0;
};

/// One word for a POSIX shell, whatever it holds.
std::string shell_quoted(const std::string& word);

/// The command that gives `path` this content whole or not at all, with owner ("root:root") and mode before it has its
/// name. `size` in bytes: what a broken connection cut short is not taken. A file
/// that has the content keeps its time, so that nobody reads it again for another owner or mode. The content is the
/// caller's to set as input.
RemoteCommand put_command(const std::string& path, unsigned mode, const std::string& owner, std::size_t size);

/// A constant script for `sh` with its arguments as $1, $2, …
RemoteCommand script_command(std::string script, std::vector<std::string> arguments);

}  // namespace gemel::setup
