#include "runtime/child_start.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

namespace gemel::runtime {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int value = -1) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor() { reset(); }
  void reset() {
    if (value_ >= 0) ::close(value_);
    value_ = -1;
  }
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

struct Identity {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;
};

/// Everything the child needs, made before fork: after it, in a process that had threads, only async-signal-safe calls
/// are allowed (no allocation).
struct Prepared {
  std::vector<char*> arguments;
  std::vector<std::string> environment_text;
  std::vector<char*> environment;
  std::optional<Identity> identity;
  Descriptor cgroup;  // its cgroup.procs
  Descriptor input, output, report;
  std::string working_directory;
  char oom_score[16] = {};
  int nice = 0;
  bool must_set_oom_score = false;
  bool must_set_nice = false;
};

enum class Step : int { cgroup, oom_score, nice, streams, working_directory, user, program };

const char* step_text(Step step) {
  switch (step) {
    case Step::cgroup:
      return "cannot enter its cgroup";
    case Step::oom_score:
      return "cannot set oom_score_adj";
    case Step::nice:
      return "cannot set its nice value";
    case Step::streams:
      return "cannot set its standard streams";
    case Step::working_directory:
      return "cannot enter its working directory";
    case Step::user:
      return "cannot become its user";
    case Step::program:
      return "cannot execute";
  }
  return "cannot start";
}

struct Report {
  Step step;
  int error;
};

Result<Identity> find_user(const std::string& name) {
  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  const int error = getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    if (error != 0) return fail_errno(error, "cannot look up user " + name);
    return fail(ErrorCode::not_found, "no user " + name);
  }
  Identity identity{.user = entry.pw_uid, .group = entry.pw_gid, .groups = {}};
  int count = 64;
  identity.groups.resize(static_cast<std::size_t>(count));
  while (getgrouplist(name.c_str(), entry.pw_gid, identity.groups.data(), &count) < 0) {
    identity.groups.resize(static_cast<std::size_t>(count));
  }
  identity.groups.resize(static_cast<std::size_t>(count));
  return identity;
}

Status open_streams(const ChildSpec& spec, ChildStreams streams, Prepared& prepared) {
  const auto input = spec.input.value_or("/dev/null");
  prepared.input = Descriptor(::open(input.c_str(), O_RDONLY | O_CLOEXEC));
  if (prepared.input.get() < 0) return fail_errno(errno, "cannot open " + input.string());
  if (streams.output >= 0) {
    prepared.output = Descriptor(::fcntl(streams.output, F_DUPFD_CLOEXEC, 3));
  } else if (spec.output) {
    prepared.output = Descriptor(::open(spec.output->c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
    if (prepared.output.get() < 0) return fail_errno(errno, "cannot open " + spec.output->string());
  }
  return {};
}

Result<Prepared> prepare(const ChildSpec& spec, ChildStreams streams) {
  Prepared prepared;
  if (spec.arguments.empty() || !spec.arguments[0].starts_with('/')) {
    return fail(ErrorCode::invalid, "the program must be an absolute path");
  }
  for (const auto& argument : spec.arguments) prepared.arguments.push_back(const_cast<char*>(argument.c_str()));
  prepared.arguments.push_back(nullptr);
  for (const auto& [name, value] : spec.environment) prepared.environment_text.push_back(name + "=" + value);
  for (auto& text : prepared.environment_text) prepared.environment.push_back(text.data());
  prepared.environment.push_back(nullptr);
  if (spec.user) {
    auto identity = find_user(*spec.user);
    if (!identity) return std::unexpected(identity.error());
    // An ordinary user cannot change its groups, and need not when it is that user already.
    if (geteuid() == 0 || identity->user != geteuid()) prepared.identity = std::move(*identity);
  }
  if (spec.cgroup) {
    const auto file = *spec.cgroup / "cgroup.procs";
    prepared.cgroup = Descriptor(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    if (prepared.cgroup.get() < 0) return fail_errno(errno, "cannot open " + file.string());
  }
  prepared.working_directory = spec.working_directory.string();
  std::snprintf(prepared.oom_score, sizeof prepared.oom_score, "%d", spec.oom_score_adjust);
  prepared.must_set_oom_score = spec.oom_score_adjust != 0;
  prepared.nice = spec.nice;
  prepared.must_set_nice = spec.nice != 0 || getpriority(PRIO_PROCESS, 0) < 0;
  if (auto status = open_streams(spec, streams, prepared); !status) return std::unexpected(status.error());
  return prepared;
}

// ---- in the child: async-signal-safe calls only ----

[[noreturn]] void give_up(int report, Step step, int error = errno) {
  const Report message{step, error};
  (void)!::write(report, &message, sizeof message);
  _exit(127);
}

void reset_signals() {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  // An ignored signal, such as SIGPIPE, would stay ignored across exec.
  for (int number = 1; number < NSIG; ++number) sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool write_oom_score(const char* text) {
  const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool is_written = ::write(file, text, strlen(text)) > 0;
  ::close(file);
  return is_written;
}

[[noreturn]] void become(const Prepared& prepared, int report) {
  setsid();
  if (prepared.cgroup.get() >= 0 && ::write(prepared.cgroup.get(), "0", 1) != 1) give_up(report, Step::cgroup);
  // Ours is not inherited; that it cannot be put back to 0 is no reason not to start.
  if (!write_oom_score(prepared.oom_score) && prepared.must_set_oom_score) give_up(report, Step::oom_score);
  if (prepared.must_set_nice && setpriority(PRIO_PROCESS, 0, prepared.nice) != 0) give_up(report, Step::nice);
  if (dup2(prepared.input.get(), 0) < 0) give_up(report, Step::streams);
  if (prepared.output.get() >= 0 && (dup2(prepared.output.get(), 1) < 0 || dup2(prepared.output.get(), 2) < 0)) {
    give_up(report, Step::streams);
  }
  if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) give_up(report, Step::streams);
  if (prepared.identity) {
    const auto& identity = *prepared.identity;
    if (setgroups(identity.groups.size(), identity.groups.data()) != 0 || setgid(identity.group) != 0 ||
        setuid(identity.user) != 0) {
      give_up(report, Step::user);
    }
  }
  if (chdir(prepared.working_directory.c_str()) != 0) give_up(report, Step::working_directory);
  reset_signals();
  execve(prepared.arguments[0], prepared.arguments.data(), prepared.environment.data());
  give_up(report, Step::program);
}

// ---- in the parent ----

Result<pid_t> wait_for_exec(pid_t pid, int reports, const std::string& program) {
  Report report{};
  ssize_t count = 0;
  do {
    count = ::read(reports, &report, sizeof report);
  } while (count < 0 && errno == EINTR);
  if (count != sizeof report) return pid;  // closed by exec
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return fail_errno(report.error, program + ": " + step_text(report.step));
}

}  // namespace

Result<pid_t> start_child(const ChildSpec& spec, ChildStreams streams) {
  auto prepared = prepare(spec, streams);
  if (!prepared) return std::unexpected(prepared.error());
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe");
  const Descriptor reports(ends[0]);
  prepared->report = Descriptor(ends[1]);
  // No handler of ours may run in the child before it has put them back.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) become(*prepared, prepared->report.get());
  const int fork_error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return fail_errno(fork_error, "cannot fork");
  prepared->report.reset();
  return wait_for_exec(pid, reports.get(), spec.arguments[0]);
}

}  // namespace gemel::runtime
