#include "setup/site_removal.h"

#include <fmt/format.h>

#include <ranges>
#include <utility>

#include "base/text.h"
#include "site/firewall.h"
#include "site/host_files.h"
#include "site/plan.h"

namespace gemel::setup {
namespace {

using runtime::Task;

constexpr auto stop_limit = std::chrono::seconds(180);  // the agent's unit alone may take 60 s

constexpr const char* look_script = R"sh(set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
id=
[ -r /etc/gemel/host.toml ] && id=$(sed -n "s/^id = [\"']\([^\"']*\)[\"']\$/\1/p" /etc/gemel/host.toml | head -n 1)
if [ -n "$id" ] && [ "$id" != "$1" ]; then echo other; elif [ -e /etc/gemel ] || [ -e /var/lib/gemel ]; then echo ours; else echo nothing; fi
)sh";

constexpr const char* remove_script = R"sh(set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
site=$1 kept=$2 filter_unit=$3 filter_unit_file=$4
shift 4  # left: the rules that firewalld was given
for unit in gemel-manager.service gemeld.service "$filter_unit"; do
  systemctl disable --quiet --now "$unit" 2>/dev/null || true
  if systemctl is-active --quiet "$unit"; then echo "$unit does not stop" >&2; exit 1; fi
done
rm -f "$filter_unit_file"
systemctl daemon-reload
if command -v nft >/dev/null; then
  nft list tables | awk '$3 ~ /^gemel_/ {print $2, $3}' | while read -r family table; do nft delete table "$family" "$table"; done
fi
if command -v firewall-cmd >/dev/null && firewall-cmd --state --quiet 2>/dev/null; then
  for rule; do shift; set -- "$@" "--remove-rich-rule=$rule"; done
  firewall-cmd --quiet --permanent "$@"
  firewall-cmd --quiet "$@"
fi
begin="# BEGIN gemel $site" end="# END gemel $site"
if grep -qxF "$begin" /etc/hosts && grep -qxF "$end" /etc/hosts; then
  new=$(mktemp /etc/hosts.XXXXXX)
  awk -v begin="$begin" -v end="$end" '$0 == begin {is_ours = 1} !is_ours {print} $0 == end {is_ours = 0}' /etc/hosts >"$new"
  chmod 0644 "$new"
  mv -f "$new" /etc/hosts
fi
install -d -m 0700 -o root -g root /var/lib/gemel-kept "$kept"
if [ -e /var/lib/gemel ]; then
  if mountpoint -q /var/lib/gemel; then
    echo "/var/lib/gemel is a file system of its own: unmount it and keep it, then again" >&2
    exit 1
  fi
  mv /var/lib/gemel "$kept/var"
fi
# Last: as long as it is there the host is known to be of this site.
if [ -e /etc/gemel ]; then mv /etc/gemel "$kept/etc"; fi
sync "$kept"
)sh";

Task<Result<std::string>> run_on(Remote* remote, std::string host, RemoteCommand command) {
  const auto result = co_await remote->run(host, std::move(command));
  if (!result) co_return std::unexpected(result.error().with(host));
  if (result->exit_code != 0) co_return fail(ErrorCode::corrupt, fmt::format("{}: {}", host, trim(result->output)));
  co_return std::string(trim(result->output));
}

}  // namespace

std::string kept_directory(const std::string& stamp) { return "/var/lib/gemel-kept/" + stamp; }

std::vector<const site::Host*> removal_order(const site::Site& site) {
  // The first database is the primary as a rule: last of them, so that it has nobody to hand over to.
  std::vector<const site::Host*> order;
  for (const bool is_database : {true, false})
    for (const auto& host : site.hosts | std::views::reverse)
      if (host.concepts.database == is_database) order.push_back(&host);
  return order;
}

Task<Result<Remains>> remains_on(Remote* remote, std::string host, std::string site_id) {
  const auto found = co_await run_on(remote, host, script_command(look_script, {site_id}));
  if (!found) co_return std::unexpected(found.error());
  if (*found == "other") co_return Remains::other_sites;
  if (*found == "ours") co_return Remains::ours;
  if (*found == "nothing") co_return Remains::nothing;
  co_return fail(ErrorCode::corrupt, fmt::format("{} does not say what is on it: {}", host, *found));
}

Task<Status> remove_from(Remote* remote, RemovalInput input, site::Host host) {
  std::vector<std::string> arguments{input.site->name, kept_directory(input.stamp), std::string(site::firewall_unit),
                                     std::string(site::firewall_unit_file)};
  for (auto& rule : site::firewalld_rules(*input.site, host)) arguments.push_back(std::move(rule));
  auto command = script_command(remove_script, std::move(arguments));
  command.limit = stop_limit;
  const auto removed = co_await run_on(remote, host.name, std::move(command));
  if (!removed) co_return std::unexpected(removed.error());
  co_return Status{};
}

Task<Status> remove_site(Remote* remote, RemovalInput input, std::function<void(const std::string&)> on_host) {
  std::vector<const site::Host*> ours;
  for (const auto* host : removal_order(*input.site)) {
    const auto found = co_await remains_on(remote, host->name, input.site_id);
    if (!found) co_return std::unexpected(found.error());
    if (*found == Remains::other_sites)
      co_return fail(ErrorCode::refused, host->name + " belongs to another site; nothing was changed");
    if (*found == Remains::ours) ours.push_back(host);
  }
  for (const auto* host : ours) {
    auto removed = co_await remove_from(remote, input, *host);
    if (!removed) co_return removed;
    on_host(fmt::format("{}: stopped; what it had is in {}", host->name, kept_directory(input.stamp)));
  }
  if (ours.empty()) on_host("nothing of this site is on any of its hosts");
  co_return Status{};
}

}  // namespace gemel::setup
