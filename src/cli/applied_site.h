// What a state directory knows of the site that its last finished run set up: applied.toml, the configuration of one of
// its hosts as host.toml has it. No secret.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/error.h"
#include "site/host_config.h"
#include "site/site.h"

namespace gemel::cli {

/// After a run that finished. Blocks.
Status note_applied(const std::filesystem::path& state, const site::Site& site, const std::string& site_id);

/// After the site was destroyed. Fine when nothing was noted. Blocks.
Status forget_applied(const std::filesystem::path& state);

/// Nothing when no run has finished, or what it left cannot be read: what matters is asked of the hosts anyway. Blocks.
std::optional<site::HostConfig> applied_site(const std::filesystem::path& state);

}  // namespace gemel::cli
