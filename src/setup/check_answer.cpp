#include "setup/check_answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "setup/replacement.h"

namespace gemel::setup {
namespace {

const api::HostEntry* find_host(const api::SiteStatus& status, const std::string& host) {
  const auto found = std::ranges::find(status.hosts, host, &api::HostEntry::host);
  return found == status.hosts.end() ? nullptr : &*found;
}

std::string missing_agent(const api::HostEntry& entry) {
  if (!entry.is_reachable || !entry.status) return "the agent does not answer yet";
  if (!entry.status->store) return "";
  if (!entry.status->store->has_quorum) return "the store has no majority yet";
  // The next voter may be touched only when this one is back: a majority of the others is not enough.
  if (std::ranges::count(entry.status->store->silent, entry.host) != 0)
    return "its own member of the store does not answer yet";
  return "";
}

bool is_fed(const api::SiteStatus& status, const std::string& host) {
  const auto* primary = find_host(status, status.summary.primary);
  if (primary == nullptr || !primary->status || !primary->status->database) return false;
  const auto& standbys = primary->status->database->standbys;
  const auto found = std::ranges::find(standbys, host, &api::StandbyStatus::host);
  return found != standbys.end() && found->is_streaming;
}

/// A commit waits for so many standbys and no more: beside another that holds every write, one that streams is enough.
std::string missing_database(const api::HostEntry& entry, const api::SiteStatus& status) {
  const auto& summary = status.summary;
  if (!entry.status->database) return "the agent runs no database";
  if (entry.status->database->role == "primary") return "";
  if (summary.primary.empty()) return "there is no primary database yet";
  if (entry.status->database->role != "standby") return "the database is " + entry.status->database->role;
  if (std::ranges::count(summary.members, entry.host) != 0) return "";
  if (summary.members.size() < 2 || !is_fed(status, entry.host)) return "the standby does not hold every write yet";
  return "";
}

/// At least one balancer runs, and each that runs has the manager up.
std::string missing_manager(const std::string& host, const api::SiteStatus& status) {
  bool is_seen = false;
  for (const auto& entry : status.hosts) {
    if (!entry.status || !entry.status->balancer || !entry.status->balancer->is_running) continue;
    for (const auto& backend : entry.status->balancer->backends) {
      if (backend.host != host) continue;
      if (!backend.state.starts_with("UP")) return fmt::format("{} says that it is {}", entry.host, backend.state);
      is_seen = true;
    }
  }
  return is_seen ? "" : "no balancer knows it yet";
}

std::string missing_balancer(const api::HostEntry& entry) {
  if (!entry.status->balancer || !entry.status->balancer->is_running) return "the balancer does not run yet";
  for (const auto& backend : entry.status->balancer->backends) {
    if (!backend.state.starts_with("UP")) return fmt::format("{} is {}", backend.host, backend.state);
  }
  return "";
}

}  // namespace

std::string missing_for(site::StepKind kind, const std::string& host, const api::SiteStatus& status) {
  const auto* entry = find_host(status, host);
  if (entry == nullptr) return "the site does not know the host";
  if (auto missing = missing_agent(*entry); !missing.empty()) return missing;
  if (kind == site::StepKind::check_database) return missing_database(*entry, status);
  if (kind == site::StepKind::check_manager) return missing_manager(host, status);
  if (kind == site::StepKind::check_balancer) return missing_balancer(*entry);
  return "";
}

std::string missing_for(site::StepKind kind, const std::string& host, const std::string& output) {
  if (kind == site::StepKind::check_lone_manager) {
    const auto said = trim(output);
    if (said.empty()) return "the manager does not answer yet";
    return said == "ready" ? "" : std::string(said);
  }
  const auto status = read_status(output);
  if (!status) return "no answer of the site yet: " + status.error().message;
  return missing_for(kind, host, *status);
}

}  // namespace gemel::setup
