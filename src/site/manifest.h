// What a rendered tree lays on each host: paths with owner, mode and SHA-256, read once so that a plan can be made from
// values. No content, so that no secret gets into a plan.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "site/site.h"

namespace gemel::site {

struct ManifestFile {
  std::string path;  // on the host, absolute
  mode_t mode = 0;
  std::string owner;
  std::string group;
  bool is_directory = false;
  std::string sha256;            // of a file's content, 64 hexadecimal digits
  std::filesystem::path source;  // of a file: where its content lies here
  bool operator==(const ManifestFile&) const = default;
};

struct Manifest {
  std::string site_id;
  std::map<std::string, std::vector<ManifestFile>> hosts;  // directories before what is in them
};

/// Reads what render() wrote for the hosts of `site` below `directory`. `not_found` when it is not rendered, `corrupt`
/// when a .permissions file cannot be understood. Blocks.
Result<Manifest> read_manifest(const Site& site, const std::filesystem::path& directory);

/// SHA-256 as 64 hexadecimal digits.
std::string sha256_hex(std::string_view content);

}  // namespace gemel::site
