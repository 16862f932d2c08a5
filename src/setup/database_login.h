// Whether an external database lets the managers in: asked from their own hosts before anything is changed, where psql
// is at hand.
#pragma once

#include <optional>
#include <string>

#include "setup/remote.h"
#include "site/manifest.h"
#include "site/site.h"

namespace gemel::setup {

/// Signs in as the manager of `host` will: TLS verified against the rendered authorities, the rendered password. Both
/// come by the input. nullopt when the host has no manager, the database is not external, or nothing is rendered.
/// Blocks (reads the rendered files).
std::optional<RemoteCommand> login_command(const site::Site& site, const site::Manifest& manifest,
                                           const site::Host& host);

/// Why the managers could not work there, in one line; empty when they could, or when there is no psql to try it. Pure.
std::string refusal_of_login(const runtime::CommandResult& said);

}  // namespace gemel::setup
