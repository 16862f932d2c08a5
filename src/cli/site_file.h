// The site file as an argument of a verb: read, every mistake printed at once.
#pragma once

#include <expected>
#include <filesystem>
#include <string_view>

#include "cli/exit_code.h"
#include "site/site.h"

namespace gemel::cli {

/// The site, or the exit code after mistakes and warnings were printed on standard error as file:line:column: message.
/// `consequence` ends the complaint, as in "nothing was written".
std::expected<site::Site, ExitCode> read_site_file(const std::filesystem::path& file, std::string_view consequence);

/// "1 mistake", "2 mistakes".
std::string counted(std::size_t count, std::string_view noun);

}  // namespace gemel::cli
