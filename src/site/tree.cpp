#include "site/tree.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

namespace gemel::site {
namespace {

Status write_all(int descriptor, const std::string& content, const std::filesystem::path& path) {
  std::size_t done = 0;
  while (done < content.size()) {
    const auto written = ::write(descriptor, content.data() + done, content.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(errno, "writing " + path.string());
    done += static_cast<std::size_t>(written);
  }
  return {};
}

bool has_already(const std::filesystem::path& path, const std::string& content, mode_t mode) {
  struct stat facts{};
  if (::lstat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode) || (facts.st_mode & 07777U) != mode) return false;
  const auto found = read_if_there(path);
  return found && found->has_value() && **found == content;
}

}  // namespace

Result<std::optional<std::string>> read_if_there(const std::filesystem::path& path) {
  errno = 0;
  const std::ifstream file(path, std::ios::binary);
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) return fail_errno(errno == 0 ? EIO : errno, "reading " + path.string());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Status write_file(const std::filesystem::path& path, const std::string& content, mode_t mode, Durability durability) {
  if (has_already(path, content, mode)) return {};
  const auto beside = path.string() + ".new";
  ::unlink(beside.c_str());  // left by a render that was interrupted; the directory is ours (DirectoryLock)
  const int descriptor = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail_errno(errno, "creating " + beside);
  auto status = write_all(descriptor, content, path);
  if (status && ::fchmod(descriptor, mode) != 0) status = fail_errno(errno, "setting the mode of " + beside);
  if (status && durability == Durability::flushed && ::fsync(descriptor) != 0)
    status = fail_errno(errno, "flushing " + beside);
  ::close(descriptor);
  if (status && ::rename(beside.c_str(), path.c_str()) != 0) status = fail_errno(errno, "renaming to " + path.string());
  if (!status) ::unlink(beside.c_str());
  return status;
}

Status make_directory(const std::filesystem::path& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return fail_errno(errno, "creating " + path.string());
  if (::chmod(path.c_str(), mode) != 0) return fail_errno(errno, "setting the mode of " + path.string());
  return {};
}

Result<DirectoryLock> DirectoryLock::take(const std::filesystem::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return fail_errno(errno, "opening " + directory.string());
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return DirectoryLock(descriptor);
  const int reason = errno;
  ::close(descriptor);
  if (reason == EWOULDBLOCK) return fail(ErrorCode::conflict, "another render is writing to " + directory.string());
  return fail_errno(reason, "locking " + directory.string());
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace gemel::site
