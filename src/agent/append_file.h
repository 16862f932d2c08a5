// Appending to a pair of bounded files: FILE, and FILE.1 which it becomes when it is full.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace gemel::agent {

/// Appends; a failure is logged once per process and loses the text (these files explain, they decide nothing).
/// `limit` in bytes is that of one file. Blocks; one caller per file at a time.
void append_bounded(const std::filesystem::path& file, std::string_view text, std::size_t limit);

}  // namespace gemel::agent
