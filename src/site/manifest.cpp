#include "site/manifest.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <charconv>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "site/tree.h"

namespace gemel::site {
namespace {

using std::filesystem::path;

Result<std::string> read_required(const path& file) {
  auto found = read_if_there(file);
  if (!found) return std::unexpected(found.error());
  if (!found->has_value()) return fail(ErrorCode::not_found, file.string() + " is not there: render the site first");
  return **std::move(found);
}

/// "0644 root:root /etc/gemel/host.toml", as render() writes it.
Result<ManifestFile> parse_line(std::string_view line) {
  const auto words = split(line, ' ');
  const auto names = words.size() == 3 ? split(words[1], ':') : std::vector<std::string>{};
  ManifestFile file;
  if (names.size() == 2 && words[2].starts_with('/')) {
    const auto* end = words[0].data() + words[0].size();
    const auto parsed = std::from_chars(words[0].data(), end, file.mode, 8);
    if (parsed.ec == std::errc{} && parsed.ptr == end) {
      file.owner = names[0];
      file.group = names[1];
      file.path = words[2];
      return file;
    }
  }
  return fail(ErrorCode::corrupt, fmt::format("\"{}\" is no line of a .permissions file", line));
}

Result<std::vector<ManifestFile>> read_host(const path& root) {
  const auto list = read_required(root / ".permissions");
  if (!list) return std::unexpected(list.error());
  std::vector<ManifestFile> files;
  for (const auto& line : split(trim(*list), '\n')) {
    auto file = parse_line(line);
    if (!file) return std::unexpected(file.error().with((root / ".permissions").string()));
    file->source = path(root.string() + file->path);
    std::error_code error;
    file->is_directory = std::filesystem::is_directory(file->source, error);
    if (!file->is_directory) {
      const auto content = read_required(file->source);
      if (!content) return std::unexpected(content.error());
      file->sha256 = sha256_hex(*content);
    }
    files.push_back(*std::move(file));
  }
  return files;
}

}  // namespace

std::string sha256_hex(std::string_view content) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(content.data()), content.size(), digest.data());
  std::string text;
  for (const auto byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

Result<Manifest> read_manifest(const Site& site, const path& directory) {
  const auto id = read_required(directory / "site.id");
  if (!id) return std::unexpected(id.error());
  Manifest manifest;
  manifest.site_id = split(trim(*id), ' ').front();
  for (const auto& host : site.hosts) {
    auto files = read_host(directory / host.name);
    if (!files) return std::unexpected(files.error());
    manifest.hosts[host.name] = *std::move(files);
  }
  return manifest;
}

}  // namespace gemel::site
