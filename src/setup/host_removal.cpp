#include "setup/host_removal.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "site/plan.h"

namespace gemel::setup {
namespace {

using runtime::Task;
using Verdict = Removability::Verdict;

constexpr auto stop_limit = std::chrono::seconds(180);  // the agent's unit alone may take 60 s
constexpr std::string_view healthy = "healthy";

std::string first_problem(const api::SiteSummary& summary) {
  if (summary.health == healthy) return "";
  return fmt::format("without it the site is {}: {}", summary.health,
                     summary.problems.empty() ? "\"gemel status\" tells more" : summary.problems.front());
}

bool is_member(const std::string& host, const api::SiteSummary& summary) {
  return std::ranges::count(summary.members, host) != 0;
}

/// It would not come back by a boot either: from here on the others change, and must not meet it again.
Task<Status> stop_agent(Remote* remote, std::string host) {
  RemoteCommand command;
  command.arguments = {"systemctl", "disable", "--quiet", "--now", std::string(site::agent_unit)};
  command.limit = stop_limit;
  const auto stopped = co_await remote->run(host, std::move(command));
  if (!stopped) co_return std::unexpected(stopped.error().with(host));
  if (stopped->exit_code == 0) co_return Status{};
  co_return fail(ErrorCode::corrupt, fmt::format("{}: {}", host, trim(stopped->output)));
}

Task<Status> wait_until_others_stand_alone(std::string host, const RemovalParts* parts, CheckTimes times) {
  const auto deadline = runtime::boot_now() + times.limit;
  while (true) {
    const auto status = co_await parts->ask();
    const auto missing = status ? missing_without(host, *status) : status.error().to_string();
    if (missing.empty()) co_return Status{};
    if (runtime::boot_now() >= deadline) co_return fail(ErrorCode::timed_out, missing);
    co_await runtime::sleep_for(times.interval);
  }
}

}  // namespace

api::SiteStatus status_without(const std::string& host, api::SiteStatus status) {
  std::erase_if(status.hosts, [&](const api::HostEntry& entry) { return entry.host == host; });
  for (auto& entry : status.hosts) {
    if (!entry.status || !entry.status->balancer) continue;
    std::erase_if(entry.status->balancer->backends, [&](const api::BackendStatus& each) { return each.host == host; });
  }
  status.summary = api::summarise(status.hosts);
  return status;
}

std::string missing_without(const std::string& host, const api::SiteStatus& status) {
  if (is_member(host, status.summary)) {
    return fmt::format("{} still counts on {}", status.summary.primary.empty() ? "the record" : status.summary.primary,
                       host);
  }
  return first_problem(status_without(host, status).summary);
}

Removability removability_of(const site::Host& host, const api::SiteStatus& status, bool is_lost) {
  const auto refused = [](std::string why) { return Removability{Verdict::refused, std::move(why)}; };
  const auto entry = std::ranges::find(status.hosts, host.name, &api::HostEntry::host);
  const bool is_reachable = entry != status.hosts.end() && entry->is_reachable;
  const auto& summary = status.summary;
  if (is_lost && is_reachable) return refused(fmt::format("the agent of {} answers: it is not lost", host.name));
  if (summary.pause) return refused("the site is paused, so that nothing can be made good: gemel resume");
  if (host.concepts.database) {
    if (summary.primary == host.name)
      return refused(fmt::format("{} is the primary and serves: gemel switchover first", host.name));
    if (summary.primary.empty())
      return refused("no host serves as primary: bring the site back first, its data may be on this host only");
  }
  if (summary.health == healthy) return {Verdict::possible, ""};
  auto missing = missing_without(host.name, status);
  return missing.empty() ? Removability{Verdict::possible, ""} : Removability{Verdict::wait, std::move(missing)};
}

Task<Status> take_out(Remote* remote, RemovalInput input, site::Host host, bool is_lost, RemovalParts parts,
                      CheckTimes times) {
  auto remains = Remains::nothing;
  if (!is_lost) {
    const auto found = co_await remains_on(remote, host.name, input.site_id);
    if (!found) co_return std::unexpected(found.error());
    remains = *found;
  }
  if (remains == Remains::other_sites)
    co_return fail(ErrorCode::refused, host.name + " belongs to another site; nothing was changed");
  if (host.concepts.database) {
    if (remains == Remains::ours) {
      const auto stopped = co_await stop_agent(remote, host.name);
      if (!stopped) co_return stopped;
    }
    const auto alone = co_await wait_until_others_stand_alone(host.name, &parts, times);
    if (!alone) co_return alone;
    parts.say(fmt::format("Nobody counts on {} any more.", host.name));
  }
  const auto changed = co_await parts.change_others();
  if (!changed) co_return changed;
  if (remains == Remains::ours) {
    const auto removed = co_await remove_from(remote, input, host);
    if (!removed) co_return removed;
    parts.say(fmt::format("{}: stopped; what it had is in {}", host.name, kept_directory(input.stamp)));
  }
  co_return parts.forget();
}

}  // namespace gemel::setup
