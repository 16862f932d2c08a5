#include "setup/replacement.h"

#include <fmt/format.h>

#include <algorithm>

namespace gemel::setup {
namespace {

using Verdict = Replaceability::Verdict;

bool is_member(const std::string& host, const api::SiteSummary& summary) {
  return std::ranges::count(summary.members, host) != 0;
}

/// Without a majority the record cannot change, so that nobody could become a member. Whoever sees one, decides.
bool has_majority(const api::SiteStatus& status) {
  return std::ranges::any_of(status.hosts, [](const api::HostEntry& entry) {
    return entry.status && entry.status->store && entry.status->store->has_quorum;
  });
}

}  // namespace

Replaceability replaceability_of(const std::string& host, const api::SiteStatus& status) {
  const auto& summary = status.summary;
  const auto entry = std::ranges::find(status.hosts, host, &api::HostEntry::host);
  if (entry == status.hosts.end()) return {Verdict::refused, fmt::format("the site does not know {}", host)};
  if (summary.primary == host) {
    return {Verdict::refused, fmt::format("{} is the primary and serves: gemel switchover first", host)};
  }
  if (summary.primary.empty())
    return {Verdict::refused,
            "no host serves as primary: bring the site back first, its data may be on this host only"};
  if (!has_majority(status)) return {Verdict::refused, "the store has no majority: bring its members back first"};
  if (summary.pause) return {Verdict::refused, "the site is paused, so that nobody can become a member: gemel resume"};
  if (!is_member(host, summary)) return {Verdict::possible, ""};
  if (entry->is_reachable)
    return {Verdict::refused, fmt::format("{} is well and holds every write: there is nothing to replace", host)};
  return {Verdict::wait, fmt::format("{} still counts on {}", summary.primary, host)};
}

std::string missing_redundancy(const std::string& host, const api::SiteStatus& status) {
  const auto& summary = status.summary;
  if (summary.primary.empty()) return "no host serves as primary";
  if (!is_member(host, summary)) return fmt::format("{} does not hold every write yet", host);
  return summary.failover_possible ? "" : summary.reason;
}

Result<api::SiteStatus> read_status(const std::string& output) {
  const auto begin = output.find('{');
  const auto end = output.rfind('}');
  if (begin == std::string::npos || end == std::string::npos || end < begin)
    return fail(ErrorCode::corrupt, "the site does not answer");
  return api::parse_site_status(output.substr(begin, end - begin + 1));
}

}  // namespace gemel::setup
