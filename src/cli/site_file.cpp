#include "cli/site_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>
#include <system_error>

#include "cli/session.h"
#include "runtime/files.h"

namespace gemel::cli {
namespace {

constexpr mode_t private_mode = 0600;

}  // namespace

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

std::expected<SiteFileEdit, ExitCode> open_site_file(const std::filesystem::path& file, std::string_view consequence) {
  auto former = read_site_file(file, consequence);
  if (!former) return std::unexpected(former.error());
  SiteFileEdit edit;
  edit.former = *std::move(former);
  std::error_code error;
  edit.given = file;
  edit.file = std::filesystem::canonical(file, error);
  struct stat about{};
  if (error || ::stat(edit.file.c_str(), &about) != 0)
    return std::unexpected(give_up(Error{ErrorCode::not_found, file.string(), 0}));
  edit.mode = about.st_mode & 07777U;
  const auto text = runtime::read_file(edit.file);
  if (!text) return std::unexpected(give_up(text.error()));
  edit.former_text = *text;
  return edit;
}

std::optional<site::Site> parse_next(const SiteFileEdit& edit, const std::string& text) {
  auto parsed = site::parse_site(text, edit.given.string());
  for (const auto& mistake : parsed.mistakes) complain(mistake.text);
  return std::move(parsed.site);
}

Status write_next(const SiteFileEdit& edit, const std::string& text, const std::filesystem::path& state) {
  const auto kept = state / "site.toml.former";
  auto written = runtime::write_file_durably(kept, edit.former_text, private_mode);
  if (written) written = runtime::write_file_durably(edit.file, text, edit.mode);
  if (written) print(fmt::format("The site file as it was: {}\n", kept.string()));
  return written;
}

}  // namespace gemel::cli
