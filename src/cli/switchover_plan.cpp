// The preconditions of a switchover as the command line sees them.
#include "cli/switchover_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace gemel::cli {
namespace {

using Refused = std::unexpected<SwitchoverRefusal>;

Refused refuse(ExitCode code, std::string reason) { return Refused(SwitchoverRefusal{code, std::move(reason)}); }

std::expected<std::string, SwitchoverRefusal> only_other_member(const api::SiteSummary& summary) {
  std::vector<std::string> others;
  std::ranges::copy_if(summary.members, std::back_inserter(others),
                       [&](const auto& name) { return name != summary.primary; });
  if (others.empty()) return refuse(ExitCode::refused, summary.reason);
  if (others.size() > 1) {
    return refuse(ExitCode::usage,
                  fmt::format("several hosts could take over, name one with --to: {}", join(others, ", ")));
  }
  return others.front();
}

}  // namespace

std::expected<SwitchoverPlan, SwitchoverRefusal> plan_switchover(const api::SiteStatus& site, const std::string& to) {
  const auto& summary = site.summary;
  if (summary.reason_code == "unknown") return refuse(ExitCode::unreachable, summary.reason);
  if (summary.reason_code == "external") return refuse(ExitCode::refused, summary.reason);
  if (summary.primary.empty())
    return refuse(ExitCode::refused, "no host serves as primary now; there is nothing to switch over from");
  auto target = to.empty() ? only_other_member(summary) : to;
  if (!target) return std::unexpected(target.error());
  const auto host = std::ranges::find(site.hosts, *target, &api::HostEntry::host);
  if (host == site.hosts.end() || std::ranges::count(host->duties, "database") == 0) {
    return refuse(ExitCode::not_found, *target + " is not a database host of this site");
  }
  if (*target == summary.primary) return refuse(ExitCode::refused, *target + " is the primary already");
  if (std::ranges::count(summary.members, *target) == 0) {
    return refuse(ExitCode::refused,
                  *target + " does not hold every acknowledged write yet; a switchover would lose some");
  }
  if (!host->is_reachable)
    return refuse(ExitCode::refused, fmt::format("the agent of {} does not answer ({})", *target, host->error));
  if (!summary.failover_possible) return refuse(ExitCode::refused, summary.reason);
  return SwitchoverPlan{summary.primary, *target};
}

}  // namespace gemel::cli
