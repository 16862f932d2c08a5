// Child processes of the agent: started in a cgroup of their own, watched by pidfd, killed as a whole.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "runtime/task_scope.h"

namespace gemel::runtime {

/// A cgroup2 directory that holds one service's processes. Value; no descriptor kept.
class Cgroup {
 public:
  /// Creates (or adopts) the directory. `denied`/`unavailable` when cgroup2 is not writable there.
  static Result<Cgroup> open(std::filesystem::path directory);
  /// The cgroup2 directory of this process, e.g. /sys/fs/cgroup/system.slice/gemeld.service; `unsupported` without
  /// cgroup2.
  static Result<std::filesystem::path> own_directory();
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] bool is_populated() const;  // cgroup.events: populated
  [[nodiscard]] std::vector<pid_t> processes() const;
  /// Writes cgroup.kill (kernel >= 5.14, else SIGKILL to each member until none is left) and waits until the group is
  /// empty. `timed_out` when processes in uninterruptible sleep stay.
  Task<Status> kill_all(Duration limit) const;

 private:
  explicit Cgroup(std::filesystem::path directory) : directory_(std::move(directory)) {}
  std::filesystem::path directory_;
};

struct ChildSpec {
  std::vector<std::string> arguments;                   // arguments[0] is the absolute path of the program
  std::map<std::string, std::string> environment = {};  // the whole environment of the child
  std::optional<std::string> user = {};                 // run as this user and its groups; empty: as we are
  std::optional<std::filesystem::path> cgroup = {};     // cgroup2 directory to start in; empty: ours
  std::filesystem::path working_directory = "/";
  std::optional<std::filesystem::path> input = {};   // stdin is read from this file; empty: /dev/null
  std::optional<std::filesystem::path> output = {};  // stdout and stderr appended to this file; empty: inherited
  int oom_score_adjust = 0;
  int nice = 0;  // at 0 a child of a favoured thread is an ordinary one, that of a modest one stays modest
};

/// One running child (or an adopted process), in a session of its own. Loop thread only. Destroying it does not kill
/// the process.
class ChildProcess {
 public:
  /// Forks and executes. Fails when the program, user or cgroup does not exist; exec errors are reported here.
  /// Blocks until exec, well under a millisecond. No descriptor but 0, 1 and 2 reaches the child.
  static Result<ChildProcess> start(boost::asio::any_io_executor executor, const ChildSpec& spec);
  /// Watches a process that is not our child (after a restart of the agent); exit status is then unknown (-1).
  static Result<ChildProcess> adopt(boost::asio::any_io_executor executor, pid_t pid);
  ChildProcess(ChildProcess&&) noexcept;
  ChildProcess& operator=(ChildProcess&&) noexcept;
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const;
  [[nodiscard]] bool is_running() const;
  /// The raw wait status of a child that has ended, -1 of an adopted process; nothing while it runs.
  [[nodiscard]] std::optional<int> exit_status() const;
  void signal(int number) const;  // nothing happens when it has ended
  /// Suspends until the process ended (pidfd readable): raw wait status, -1 for an adopted one. May be awaited by one
  /// task. When cancelled it throws operation_aborted; the process goes on.
  Task<int> wait_exit();

 private:
  friend Task<Result<struct CommandResult>> run_command(ChildSpec spec, Duration limit);
  friend class CommandKiller;
  /// As start(); stdout and stderr go to `output` when it is not negative.
  static Result<ChildProcess> start_with_output(boost::asio::any_io_executor executor, const ChildSpec& spec,
                                                int output);
  /// Collects the status when the process ends, even when nobody holds this object any more.
  void reap_later() const;

  struct State;
  explicit ChildProcess(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

struct CommandResult {
  int exit_code = -1;  // 128 + signal when killed
  std::string output;  // stdout and stderr together, at most 64 KiB from the end
};
/// Runs a program to its end and gives what it printed (nothing when `spec.output` is set). After `limit`, or when
/// cancelled, its whole process group is killed (SIGKILL); the former is `timed_out`, and what it did is unknown.
Task<Result<CommandResult>> run_command(ChildSpec spec, Duration limit);

}  // namespace gemel::runtime
