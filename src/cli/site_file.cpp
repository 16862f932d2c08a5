#include "cli/site_file.h"

#include <fmt/format.h>

#include <cstdio>

#include "cli/session.h"
#include "runtime/files.h"

namespace gemel::cli {

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::expected<site::Site, ExitCode> read_site_file(const std::filesystem::path& file, std::string_view consequence) {
  const auto text = runtime::read_file(file);
  if (!text) return std::unexpected(give_up(text.error().with(file.string())));
  auto parsed = site::parse_site(*text, file.string());
  for (const auto& mistake : parsed.mistakes) std::fputs((to_string(mistake) + "\n").c_str(), stderr);
  for (const auto& warning : parsed.warnings) {
    auto marked = warning;
    marked.text = "warning: " + marked.text;
    std::fputs((to_string(marked) + "\n").c_str(), stderr);
  }
  if (!parsed.site) {
    complain(fmt::format("{}; {}", counted(parsed.mistakes.size(), "mistake"), consequence));
    return std::unexpected(ExitCode::usage);
  }
  return *std::move(parsed.site);
}

}  // namespace gemel::cli
