// The site file as an argument of a verb: read, every mistake printed at once.
#pragma once

#include <sys/types.h>

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "cli/exit_code.h"
#include "site/site.h"

namespace gemel::cli {

/// The site, or the exit code after mistakes and warnings were printed on standard error as file:line:column: message.
/// `consequence` ends the complaint, as in "nothing was written".
std::expected<site::Site, ExitCode> read_site_file(const std::filesystem::path& file, std::string_view consequence);

/// A site file that a verb changes.
struct SiteFileEdit {
  std::filesystem::path given;  // as a person named it: relative paths in it begin there
  std::filesystem::path file;   // canonical: a link stays one
  mode_t mode = 0644;
  std::string former_text;
  site::Site former;
};
/// read_site_file(), with what is needed to write another text into its place. Blocks.
std::expected<SiteFileEdit, ExitCode> open_site_file(const std::filesystem::path& file, std::string_view consequence);
/// The site of a text that is to come into the file's place, or nothing after its mistakes were complained about: they
/// are in no file that a person could look at, so without line and column.
std::optional<site::Site> parse_next(const SiteFileEdit& edit, const std::string& text);
/// Puts `text` into the file's place, after the former text was kept as site.toml.former in `state` and the person was
/// told where. Blocks.
Status write_next(const SiteFileEdit& edit, const std::string& text, const std::filesystem::path& state);

/// "1 mistake", "2 mistakes".
std::string counted(std::size_t count, std::string_view noun);

}  // namespace gemel::cli
