// Files as the daemons need them: read whole, written whole and durably.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace gemel::runtime {

/// The whole file; `not_found`, `denied`, or `unavailable`. Blocks.
Result<std::string> read_file(const std::filesystem::path& path);
/// Writes a temporary file beside, fsyncs it, renames it over `path`, fsyncs the directory: after success the new
/// content survives a power loss, after failure the old one is intact. Blocks.
Status write_file_durably(const std::filesystem::path& path, std::string_view content, mode_t mode);
/// Removes and fsyncs the directory; success when it was not there. Blocks.
Status remove_file_durably(const std::filesystem::path& path);

}  // namespace gemel::runtime
