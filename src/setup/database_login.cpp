#include "setup/database_login.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "runtime/files.h"
#include "site/external_database.h"

namespace gemel::setup {
namespace {

constexpr auto login_limit = std::chrono::seconds(30);
constexpr int no_psql = 90;
constexpr std::size_t longest_reason = 500;

// A manager makes its tables, in the schema that is first for it.
constexpr const char* login_script = R"sh(set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
where=$1 ca=$2
psql=$(ls /usr/lib/postgresql/*/bin/psql 2>/dev/null | tail -n 1)
[ -n "$psql" ] || psql=$(command -v psql) || exit 90
umask 077
folder=$(mktemp -d /run/gemel-login.XXXXXX)
trap 'rm -rf "$folder"' EXIT
IFS= read -r password
printf '*:*:*:*:%s\n' "$(printf '%s' "$password" | sed 's/[\\:]/\\&/g')" >"$folder/password"
if [ -z "$ca" ]; then cat >"$folder/ca"; ca=$folder/ca; fi
PGPASSFILE=$folder/password "$psql" -X -q -A -t -w \
  -c "SELECT coalesce(has_schema_privilege(current_schema()::text, 'CREATE'), false)" \
  "$where sslrootcert=$ca" </dev/null 2>&1
)sh";

/// What was rendered for this file of the host.
std::optional<std::string> rendered(const site::Manifest& manifest, const site::Host& host, std::string_view path) {
  const auto files = manifest.hosts.find(host.name);
  if (files == manifest.hosts.end()) return std::nullopt;
  const auto found = std::ranges::find(files->second, path, &site::ManifestFile::path);
  if (found == files->second.end()) return std::nullopt;
  auto text = runtime::read_file(found->source);
  return text ? std::optional(*std::move(text)) : std::nullopt;
}

}  // namespace

std::optional<RemoteCommand> login_command(const site::Site& site, const site::Manifest& manifest,
                                           const site::Host& host) {
  const auto& database = site.database;
  if (!database.external || !host.concepts.manager) return std::nullopt;
  const auto password = rendered(manifest, host, site::application_password_file);
  const bool is_own_ca = database.external->ca == site::external_ca_file;
  const auto authorities = is_own_ca ? rendered(manifest, host, site::external_ca_file) : std::optional(std::string());
  if (!password || !authorities) return std::nullopt;
  // Names of a sound site file: nothing that libpq would take for another setting.
  auto where = fmt::format(
      "host={} port={} user={} dbname={} sslmode=verify-full channel_binding=require "
      "target_session_attrs=read-write connect_timeout=5",
      database.external->host, database.external->port, database.application_user, database.database_name);
  auto command =
      script_command(login_script, {std::move(where), is_own_ca ? std::string() : database.external->ca.string()});
  command.input = std::string(trim(*password)) + "\n" + *authorities;
  command.limit = login_limit;
  return command;
}

std::string refusal_of_login(const runtime::CommandResult& said) {
  if (said.exit_code == no_psql) return {};
  std::string text(trim(said.output));
  if (said.exit_code == 0 && text == "t") return {};
  if (said.exit_code == 0 && text == "f")
    return "it may not make tables there; let it own the database (ALTER DATABASE ... OWNER TO ...)";
  std::ranges::replace_if(text, [](unsigned char letter) { return letter < 0x20; }, ' ');
  return text.empty() ? fmt::format("psql ended with {}", said.exit_code) : text.substr(0, longest_reason);
}

}  // namespace gemel::setup
