#include "cli/applied_site.h"

#include "runtime/files.h"

namespace gemel::cli {
namespace {

constexpr const char* file_name = "applied.toml";
constexpr mode_t private_mode = 0600;

}  // namespace

Status note_applied(const std::filesystem::path& state, const site::Site& site, const std::string& site_id) {
  const auto text = site::to_toml(site::host_config(site, site_id, site.hosts.front()));
  return runtime::write_file_durably(state / file_name, text, private_mode);
}

Status forget_applied(const std::filesystem::path& state) { return runtime::remove_file_durably(state / file_name); }

std::optional<site::HostConfig> applied_site(const std::filesystem::path& state) {
  const auto text = runtime::read_file(state / file_name);
  if (!text) return std::nullopt;
  auto config = site::parse_host_config(*text, file_name);
  return config ? std::optional(*std::move(config)) : std::nullopt;
}

}  // namespace gemel::cli
