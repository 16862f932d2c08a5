#include "cli/operator_plan.h"

#include <algorithm>
#include <optional>

namespace gemel::cli {
namespace {

using Refused = std::unexpected<Refusal>;

Refused refuse(ExitCode code, std::string reason) { return Refused(Refusal{code, std::move(reason)}); }

/// For whatever only database hosts can do.
std::optional<Refusal> why_nothing_to_do(const api::SiteStatus& site) {
  const auto& summary = site.summary;
  if (summary.reason_code == "unknown") return Refusal{ExitCode::unreachable, summary.reason};
  if (summary.reason_code == "external") return Refusal{ExitCode::refused, summary.reason};
  return std::nullopt;
}

HostOrRefusal database_host(const api::SiteStatus& site, const std::string& name) {
  const auto host = std::ranges::find(site.hosts, name, &api::HostEntry::host);
  if (host == site.hosts.end() || std::ranges::count(host->duties, "database") == 0)
    return refuse(ExitCode::not_found, name + " is not a database host of this site");
  return name;
}

}  // namespace

HostOrRefusal plan_pause(const api::SiteStatus& site, const std::string& host) {
  if (const auto reason = why_nothing_to_do(site)) return std::unexpected(*reason);
  if (!host.empty()) return database_host(site, host);
  if (site.summary.primary.empty())
    return refuse(ExitCode::refused, "no host serves as primary now: only a serving primary can be paused");
  return site.summary.primary;
}

HostOrRefusal plan_resume(const api::SiteStatus& site, const std::string& host) {
  if (const auto reason = why_nothing_to_do(site)) return std::unexpected(*reason);
  if (!host.empty()) return database_host(site, host);
  if (site.summary.state != "paused") return refuse(ExitCode::refused, "the site is not paused");
  return site.summary.holder;
}

HostOrRefusal plan_force(const api::SiteStatus& site, const std::string& host, const std::string& self) {
  if (const auto reason = why_nothing_to_do(site)) return std::unexpected(*reason);
  const auto target = database_host(site, host.empty() ? self : host);
  if (!target && host.empty())
    return refuse(ExitCode::usage, "this host has no database: name the one that shall take over with --host");
  if (target && !site.summary.primary.empty()) {
    return refuse(ExitCode::refused,
                  site.summary.primary + " serves as primary: a switchover loses nothing, force would");
  }
  return target;
}

std::string force_phrase(const std::string& host) { return "all others are fenced, force " + host; }

}  // namespace gemel::cli
