#include "setup/replacement.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "setup/check_answer.h"

namespace gemel::setup {
namespace {

using Verdict = Replaceability::Verdict;

bool is_member(const std::string& host, const api::SiteSummary& summary) {
  return std::ranges::count(summary.members, host) != 0;
}

/// Without a majority neither the record nor the store's members can change. Whoever sees one, decides. A site with an
/// external database has neither.
bool has_majority(const api::SiteStatus& status) {
  if (status.summary.reason_code == "external") return true;
  return std::ranges::any_of(status.hosts, [](const api::HostEntry& entry) {
    return entry.status && entry.status->store && entry.status->store->has_quorum;
  });
}

Replaceability refused(std::string why) { return {Verdict::refused, std::move(why)}; }

/// What a database host's data means to the others.
Replaceability replaceability_of_data(const std::string& host, bool is_reachable, const api::SiteSummary& summary) {
  if (summary.primary == host)
    return refused(fmt::format("{} is the primary and serves: gemel switchover first", host));
  if (summary.primary.empty())
    return refused("no host serves as primary: bring the site back first, its data may be on this host only");
  if (summary.pause) return refused("the site is paused, so that nobody can become a member: gemel resume");
  if (!is_member(host, summary)) return {Verdict::possible, ""};
  if (is_reachable) return refused(fmt::format("{} is well and holds every write: there is nothing to replace", host));
  return {Verdict::wait, fmt::format("{} still counts on {}", summary.primary, host)};
}

/// A commit waits for so many standbys and no more: beside those a further one streams, and that is its part.
std::string missing_of_data(const std::string& host, const api::SiteStatus& status) {
  const auto& summary = status.summary;
  if (summary.primary.empty()) return "no host serves as primary";
  if (!is_member(host, summary) && !missing_for(site::StepKind::check_database, host, status).empty())
    return fmt::format("{} does not hold every write yet", host);
  return summary.failover_possible ? "" : summary.reason;
}

/// Nobody with a client of the store may miss the host's member; others that are off are not its matter.
std::string missing_of_voter(const std::string& host, const api::SiteStatus& status) {
  for (const auto& entry : status.hosts) {
    if (!entry.is_reachable || !entry.status || !entry.status->store) continue;
    const auto& store = *entry.status->store;
    if (!store.has_quorum) return fmt::format("{} sees no majority of the store", entry.host);
    if (std::ranges::count(store.silent, host) != 0)
      return fmt::format("{} gets no answer of {}'s member of the store yet", entry.host, host);
  }
  return "";
}

}  // namespace

Replaceability replaceability_of(const site::Host& host, const api::SiteStatus& status) {
  const auto entry = std::ranges::find(status.hosts, host.name, &api::HostEntry::host);
  if (entry == status.hosts.end()) return refused(fmt::format("the site does not know {}", host.name));
  if (!has_majority(status)) return refused("the store has no majority: bring its members back first");
  if (host.concepts.database) return replaceability_of_data(host.name, entry->is_reachable, status.summary);
  if (entry->is_reachable && missing_redundancy(host, status).empty())
    return refused(fmt::format("{} is well: there is nothing to replace", host.name));
  return {Verdict::possible, ""};
}

std::string missing_redundancy(const site::Host& host, const api::SiteStatus& status) {
  const auto entry = std::ranges::find(status.hosts, host.name, &api::HostEntry::host);
  if (entry == status.hosts.end()) return fmt::format("the site does not know {}", host.name);
  std::string missing;
  const auto look = [&](bool is_its_part, const std::string& said) {
    if (is_its_part && missing.empty()) missing = said;
  };
  look(true, entry->is_reachable && entry->status ? "" : fmt::format("the agent of {} does not answer", host.name));
  if (!missing.empty()) return missing;
  const auto& is = host.concepts;
  look(is.voter, missing_of_voter(host.name, status));
  look(is.database, missing_of_data(host.name, status));
  look(is.manager, missing_for(site::StepKind::check_manager, host.name, status));
  look(is.balancer, missing_for(site::StepKind::check_balancer, host.name, status));
  return missing;
}

RemoteCommand never_begin_anew() {
  // The file that the agent itself writes as soon as its member has data: see remember_member().
  return script_command(R"sh(set -eu
note=/var/lib/gemel/etcd.has-run
[ -d /var/lib/gemel ] || install -d -m 0755 /var/lib/gemel
[ -e "$note" ] || (umask 077 && echo "etcd has run here before this host was installed anew: it must join" >"$note")
sync /var/lib/gemel
)sh",
                        {});
}

Result<api::SiteStatus> read_status(const std::string& output) {
  const auto begin = output.find('{');
  const auto end = output.rfind('}');
  if (begin == std::string::npos || end == std::string::npos || end < begin)
    return fail(ErrorCode::corrupt, "the site does not answer");
  return api::parse_site_status(output.substr(begin, end - begin + 1));
}

}  // namespace gemel::setup
