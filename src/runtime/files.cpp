#include "runtime/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace gemel::runtime {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

Status sync_folder(const std::filesystem::path& folder) {
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0) return fail_errno(errno, "cannot open " + folder.string());
  if (::fsync(descriptor.get()) != 0) return fail_errno(errno, "cannot sync " + folder.string());
  return {};
}

Status write_all(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(errno, "cannot write");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status write_and_sync(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  const Descriptor descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (descriptor.get() < 0) return fail_errno(errno, "cannot create " + path.string());
  if (auto status = write_all(descriptor.get(), content); !status)
    return std::unexpected(status.error().with(path.string()));
  // Not by open(): the umask would take bits away.
  if (::fchmod(descriptor.get(), mode) != 0) return fail_errno(errno, "cannot set the mode of " + path.string());
  if (::fsync(descriptor.get()) != 0) return fail_errno(errno, "cannot sync " + path.string());
  return {};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path) {
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.get() < 0) return fail_errno(errno, "cannot read " + path.string());
  std::string content;
  char piece[16384];
  while (true) {
    const ssize_t count = ::read(descriptor.get(), piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(errno, "cannot read " + path.string());
    if (count == 0) return content;
    content.append(piece, static_cast<std::size_t>(count));
  }
}

Status write_file_durably(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  static std::atomic<unsigned> counter{0};
  const auto temporary = folder_of(path) / ("." + path.filename().string() + "." + std::to_string(getpid()) + "." +
                                            std::to_string(counter.fetch_add(1)) + ".new");
  ::unlink(temporary.c_str());  // left by an earlier process with our number
  auto status = write_and_sync(temporary, content, mode);
  if (status && ::rename(temporary.c_str(), path.c_str()) != 0)
    status = fail_errno(errno, "cannot replace " + path.string());
  if (!status) {
    ::unlink(temporary.c_str());
    return status;
  }
  return sync_folder(folder_of(path));
}

Status remove_file_durably(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(errno, "cannot remove " + path.string());
  return sync_folder(folder_of(path));
}

}  // namespace gemel::runtime
