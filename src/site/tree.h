// Files of a rendered tree: read whole, and written whole with their final mode before they get their name.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/error.h"

namespace gemel::site {

/// nullopt when there is no such file; an error when it cannot be read.
Result<std::optional<std::string>> read_if_there(const std::filesystem::path& path);
/// `flushed` files survive a power loss (tens of milliseconds each on a common disk); the others may then be found
/// empty, which is for files that the next render notices and makes again.
enum class Durability : std::uint8_t { flushed, replaceable };

/// Writes beside, gives it `mode`, renames. A file that has content and mode already is left untouched.
Status write_file(const std::filesystem::path& path, const std::string& content, mode_t mode, Durability durability);
/// Creates `path` (not its parents) with exactly `mode`; sets the mode when it exists.
Status make_directory(const std::filesystem::path& path, mode_t mode);

/// Holds a directory against a second render at the same time, until destroyed.
class DirectoryLock {
 public:
  /// `conflict` when somebody else holds it.
  static Result<DirectoryLock> take(const std::filesystem::path& directory);
  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace gemel::site
