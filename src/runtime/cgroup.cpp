// Cgroup: see child_process.h.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>
#include <system_error>

#include "base/text.h"
#include "runtime/child_process.h"
#include "runtime/files.h"

namespace gemel::runtime {

namespace {

constexpr long cgroup2_magic = 0x63677270;  // CGROUP2_SUPER_MAGIC of linux/magic.h

/// Control files are written in one piece; the kernel answers in errno.
Status write_control(const std::filesystem::path& file, std::string_view text) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return fail_errno(errno, "cannot open " + file.string());
  const ssize_t written = ::write(descriptor, text.data(), text.size());
  const int error = written < 0 ? errno : 0;
  ::close(descriptor);
  if (error != 0) return fail_errno(error, "cannot write " + file.string());
  return {};
}

/// Field 4 (root inside the hierarchy) and 5 (mount point) of a line of /proc/self/mountinfo (proc(5)).
struct Mount {
  std::string root, point;
  bool is_cgroup2 = false;
};

Mount parse_mount(const std::string& line) {
  const auto fields = split(line, ' ');
  Mount mount;
  if (fields.size() < 10) return mount;
  mount.root = fields[3];
  mount.point = fields[4];
  mount.is_cgroup2 = line.find(" - cgroup2 ") != std::string::npos;
  return mount;
}

/// "/a/b" under root "/a" is "b"; nothing when it is elsewhere.
std::optional<std::string> below(const std::string& path, const std::string& root) {
  if (root == "/") return path.substr(1);
  if (path == root) return "";
  if (path.starts_with(root + "/")) return path.substr(root.size() + 1);
  return std::nullopt;
}

}  // namespace

Result<Cgroup> Cgroup::open(std::filesystem::path directory) {
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
    return fail_errno(errno, "cannot create cgroup " + directory.string());
  }
  struct statfs status{};
  if (::statfs(directory.c_str(), &status) != 0) return fail_errno(errno, "cannot open cgroup " + directory.string());
  if (status.f_type != cgroup2_magic) return fail(ErrorCode::unsupported, directory.string() + " is not on cgroup2");
  if (::access((directory / "cgroup.procs").c_str(), W_OK) != 0) {
    return fail_errno(errno, "cannot write to cgroup " + directory.string());
  }
  return Cgroup(std::move(directory));
}

Result<std::filesystem::path> Cgroup::own_directory() {
  std::string own;
  std::ifstream membership("/proc/self/cgroup");
  for (std::string line; std::getline(membership, line);) {
    if (line.starts_with("0::/")) own = line.substr(3);
  }
  if (own.empty()) return fail(ErrorCode::unsupported, "this process is in no cgroup2 hierarchy");
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const auto mount = parse_mount(line);
    if (!mount.is_cgroup2) continue;
    if (const auto rest = below(own, mount.root))
      return (std::filesystem::path(mount.point) / *rest).lexically_normal();
  }
  return fail(ErrorCode::unsupported, "cgroup2 is not mounted");
}

bool Cgroup::is_populated() const {
  const auto events = read_file(directory_ / "cgroup.events");
  return events && events->find("populated 1") != std::string::npos;
}

std::vector<pid_t> Cgroup::processes() const {
  std::vector<pid_t> result;
  const auto listed = read_file(directory_ / "cgroup.procs");
  if (!listed) return result;
  std::istringstream lines(*listed);
  for (pid_t pid = 0; lines >> pid;) result.push_back(pid);
  return result;
}

Task<Status> Cgroup::kill_all(Duration limit) const {
  const Cgroup self = *this;  // the caller's object may go away meanwhile
  const auto until = boot_now() + limit;
  const auto killed = write_control(self.directory_ / "cgroup.kill", "1");
  if (!killed && killed.error().code != ErrorCode::not_found) co_return killed;
  auto pause = std::chrono::microseconds(500);
  while (self.is_populated()) {
    if (!killed) {  // a kernel before 5.14: members may fork meanwhile, hence every round
      for (const pid_t pid : self.processes()) ::kill(pid, SIGKILL);
    }
    if (boot_now() >= until) {
      co_return fail(ErrorCode::timed_out, "processes survive SIGKILL in cgroup " + self.directory_.string());
    }
    co_await sleep_for(pause);
    // A failover waits for this; a look costs some microseconds.
    if (pause < std::chrono::milliseconds(2)) pause *= 2;
  }
  co_return Status{};
}

}  // namespace gemel::runtime
