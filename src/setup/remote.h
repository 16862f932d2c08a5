// What the setup asks of a host's shell: run one command there. An interface, so that tests need no host.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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

/// A line that a command which is held gets by its input so often, as long as this process lives, busy or not.
inline constexpr auto hold_beat = std::chrono::seconds(5);
/// What such a command prints, as a line, when it has what it is for.
inline constexpr std::string_view hold_ready = "held";

/// A command that goes on on a host. Its input ends when this is destroyed, when this process ends in any way, and when
/// the connection breaks; the command ends then.
class RemoteHold {
 public:
  RemoteHold() = default;
  RemoteHold(const RemoteHold&) = delete;
  RemoteHold& operator=(const RemoteHold&) = delete;
  virtual ~RemoteHold() = default;
  /// Ends the input and waits until the command has ended; some seconds at most. Suspends.
  virtual runtime::Task<void> let_go() = 0;
};
/// Either it goes on, or it ended by itself.
struct HoldOutcome {
  std::unique_ptr<RemoteHold> hold;  // not null: the command is ready
  runtime::CommandResult ended;      // without `hold`
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

  /// Begins a command that reads its input line by line until that ends, and suspends until it has printed the line
  /// `hold_ready`, ended before that, or the limit has passed (then it is ended). Errors of run(). `command.input` is
  /// not used.
  virtual runtime::Task<Result<HoldOutcome>> hold(std::string host, RemoteCommand command) = 0;
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
