// What a call of gemel-address leaves for the next one: small files of root's own that may be missing.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace gemel::cloud {

/// Empty when there is none. Blocks briefly.
std::string read_note(const std::filesystem::path& folder, const std::string& name);
/// Mode 0600. Failure is no failure: the next call then asks more than it must. Blocks briefly.
void write_note(const std::filesystem::path& folder, const std::string& name, std::string_view text);

}  // namespace gemel::cloud
