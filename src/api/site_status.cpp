// The judgement over all hosts' answers: who serves, whether a failover could happen now, and what is wrong.
#include "api/site_status.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/host_status_description.h"
#include "base/text.h"

namespace gemel::api {

BOOST_DESCRIBE_STRUCT(HostEntry, (), (host, role, duties, address, zone, is_reachable, error, status))
BOOST_DESCRIBE_STRUCT(SiteSummary, (),
                      (health, primary, database, epoch, revision, members, state, holder, pause, lag_bytes,
                       failover_possible, reason_code, reason, problems))
BOOST_DESCRIBE_STRUCT(SiteStatus, (), (api_version, site, time, summary, hosts))

namespace {

using Hosts = std::vector<HostEntry>;

struct Verdict {
  bool possible = false;
  std::string code;
  std::string reason;
};

const HostEntry* find_host(const Hosts& hosts, const std::string& name) {
  const auto found = std::ranges::find(hosts, name, &HostEntry::host);
  return found == hosts.end() ? nullptr : &*found;
}

bool has_duty(const HostEntry& host, const std::string& duty) { return std::ranges::count(host.duties, duty) != 0; }

const RecordStatus* newest_record(const Hosts& hosts) {
  const RecordStatus* newest = nullptr;
  for (const auto& host : hosts) {
    if (!host.status || !host.status->record) continue;
    if (newest == nullptr || host.status->record->revision > newest->revision) newest = &*host.status->record;
  }
  return newest;
}

/// The view of the store of the host that sees most voters; several hosts may be cut off in different ways.
const StoreStatus* best_store(const Hosts& hosts) {
  const StoreStatus* best = nullptr;
  for (const auto& host : hosts) {
    if (!host.status || !host.status->store) continue;
    const auto& store = *host.status->store;
    if (best == nullptr || store.has_quorum > best->has_quorum ||
        (store.has_quorum == best->has_quorum && store.reachable > best->reachable)) {
      best = &store;
    }
  }
  return best;
}

std::vector<std::string> open_primaries(const Hosts& hosts) {
  std::vector<std::string> names;
  for (const auto& host : hosts) {
    if (!host.status || !host.status->database) continue;
    const auto& database = *host.status->database;
    if (database.role == "primary" && database.is_gate_open) names.push_back(host.host);
  }
  return names;
}

/// Why this member could not take over at this moment; empty when it could.
std::string cannot_take_over(const Hosts& hosts, const std::string& name) {
  const auto* host = find_host(hosts, name);
  if (host == nullptr) return name + " is not a host of this site";
  if (!host->status) return "the agent of " + name + " does not answer";
  if (!host->status->database) return name + " has no database";
  const auto& run = host->status->database->run;
  if (run != "standby" && run != "primary") return fmt::format("the database of {} is {}", name, run);
  if (host->status->store && !host->status->store->has_quorum)
    return name + " does not reach a majority of the etcd voters";
  return {};
}

Verdict judge_candidates(const Hosts& hosts, const RecordStatus& record) {
  std::vector<std::string> able;
  std::vector<std::string> obstacles;
  for (const auto& member : record.members) {
    if (member == record.holder) continue;
    auto obstacle = cannot_take_over(hosts, member);
    if (obstacle.empty()) {
      able.push_back(member);
    } else {
      obstacles.push_back(std::move(obstacle));
    }
  }
  if (!able.empty()) return {true, "possible", "possible, " + join(able, " or ") + " would take over"};
  if (obstacles.empty()) {
    return {false, "no_second_copy",
            fmt::format("no failover is possible now: no second copy, only {} holds every acknowledged write",
                        record.holder)};
  }
  return {false, "no_candidate", "no failover is possible now: " + join(obstacles, "; ")};
}

/// One database host: no second copy is missing, none is meant to be.
bool is_standalone(const Hosts& hosts) {
  return std::ranges::count_if(hosts, [](const HostEntry& host) { return has_duty(host, "database"); }) == 1;
}

Verdict judge_failover(const Hosts& hosts, const RecordStatus* record, const StoreStatus* store) {
  if (std::ranges::none_of(hosts, &HostEntry::is_reachable))
    return {false, "unknown", "no agent answered: nothing is known"};
  if (is_standalone(hosts)) {
    return {false, "standalone",
            "no failover is possible: the site has one database host (gemel convert makes it highly available)"};
  }
  if (store != nullptr && !store->has_quorum) {
    return {false, "no_quorum",
            fmt::format("no failover is possible now: {} of {} etcd voters answer, {} are needed for a majority",
                        store->reachable, store->voters, store->voters / 2 + 1)};
  }
  if (record == nullptr) {
    return {false, "no_record",
            "no failover is possible now: no agent knows a record yet (the site is being set up, or etcd has not "
            "answered)"};
  }
  if (record->state == "paused") {
    return {false, "paused",
            "no failover is possible now: automatic failover is paused" +
                (record->pause ? fmt::format(" by {} until {}", record->pause->by, record->pause->until) : "")};
  }
  return judge_candidates(hosts, *record);
}

void add_primary_problems(const std::vector<std::string>& primaries, std::vector<std::string>& problems) {
  if (primaries.empty()) problems.push_back("no host serves as primary: writes wait");
  if (primaries.size() > 1) {
    problems.push_back(
        fmt::format("{} claim to be primary with open gates at the same time", join(primaries, " and ")));
  }
}

void add_store_problems(const Hosts& hosts, const StoreStatus* store, const std::string& primary,
                        std::vector<std::string>& problems) {
  if (store == nullptr || !store->has_quorum || store->reachable >= store->voters) return;
  const bool is_last = store->reachable == store->voters / 2 + 1;
  problems.push_back(fmt::format("{} of {} etcd voters answer{}", store->reachable, store->voters,
                                 is_last ? ": one more lost and no failover is possible" : ""));
  const auto* host = find_host(hosts, primary);
  if (is_last && host != nullptr && has_duty(*host, "voter") && host->is_reachable) {
    problems.push_back(
        fmt::format("{} itself is one of these voters: the loss of that host could not be covered", primary));
  }
}

void add_host_problems(const Hosts& hosts, std::vector<std::string>& problems) {
  for (const auto& host : hosts) {
    if (!host.is_reachable)
      problems.push_back(fmt::format("{}: the agent does not answer ({})", host.host, host.error));
    if (!host.status) continue;
    for (const auto& problem : host.status->problems) problems.push_back(fmt::format("{}: {}", host.host, problem));
    if (!host.status->balancer) continue;
    for (const auto& backend : host.status->balancer->backends) {
      if (!backend.state.starts_with("UP")) {
        problems.push_back(fmt::format("{}: manager {} is {} at the balancer", host.host, backend.host, backend.state));
      }
    }
  }
}

std::int64_t largest_lag(const Hosts& hosts, const std::string& primary) {
  std::int64_t lag = -1;
  const auto* host = find_host(hosts, primary);
  if (host == nullptr || !host->status || !host->status->database) return lag;
  for (const auto& standby : host->status->database->standbys) {
    if (standby.is_streaming) lag = std::max(lag, standby.lag_bytes);
  }
  return lag;
}

std::string choose_primary(const std::vector<std::string>& primaries, const RecordStatus* record) {
  if (record != nullptr && std::ranges::count(primaries, record->holder) != 0) return record->holder;
  return primaries.empty() ? std::string{} : primaries.front();
}

bool is_external(const Hosts& hosts) {
  return std::ranges::none_of(hosts, [](const HostEntry& host) { return has_duty(host, "database"); });
}

/// Nobody of the site serves the database: what counts is whether the managers reach it.
SiteSummary summarise_external(const Hosts& hosts) {
  SiteSummary summary;
  summary.reason_code = "external";
  std::size_t reached = 0, asked = 0;
  for (const auto& host : hosts) {
    if (!host.status || !host.status->manager) continue;
    ++asked;
    const auto& manager = *host.status->manager;
    summary.database = manager.database;
    if (manager.is_database_reached) {
      ++reached;
    } else {
      summary.problems.push_back(fmt::format("{}: {}{}", host.host,
                                             manager.is_answering ? "its manager does not reach the database: " : "",
                                             manager.reason));
    }
  }
  summary.reason = fmt::format("the database{}{} is external: its provider sees to failovers",
                               summary.database.empty() ? "" : " ", summary.database);
  add_host_problems(hosts, summary.problems);
  // Agents that are silent say nothing of their managers, which may serve all the same.
  const bool is_down = asked > 0 && reached == 0;
  summary.health = is_down ? "down" : summary.problems.empty() ? "healthy" : "degraded";
  if (std::ranges::none_of(hosts, &HostEntry::is_reachable)) {
    summary.reason_code = "unknown";
    summary.reason = "no agent answered: nothing is known";
    summary.health = "unknown";
  }
  return summary;
}

}  // namespace

SiteSummary summarise(const std::vector<HostEntry>& hosts) {
  if (is_external(hosts)) return summarise_external(hosts);
  SiteSummary summary;
  const auto* record = newest_record(hosts);
  const auto* store = best_store(hosts);
  const auto primaries = open_primaries(hosts);
  if (record != nullptr) {
    summary.epoch = record->epoch;
    summary.revision = record->revision;
    summary.members = record->members;
    summary.state = record->state;
    summary.holder = record->holder;
    summary.pause = record->pause;
  }
  summary.primary = choose_primary(primaries, record);
  summary.lag_bytes = largest_lag(hosts, summary.primary);
  auto verdict = judge_failover(hosts, record, store);
  summary.failover_possible = verdict.possible;
  summary.reason_code = std::move(verdict.code);
  summary.reason = std::move(verdict.reason);

  const bool is_dark = summary.reason_code == "unknown";
  if (!is_dark) add_primary_problems(primaries, summary.problems);
  if (!summary.failover_possible && summary.reason_code != "standalone") summary.problems.push_back(summary.reason);
  add_store_problems(hosts, store, summary.primary, summary.problems);
  add_host_problems(hosts, summary.problems);
  summary.health = is_dark ? "unknown" : primaries.empty() ? "down" : summary.problems.empty() ? "healthy" : "degraded";
  return summary;
}

std::string to_json(const SiteStatus& status) { return boost::json::serialize(reflection::write(status)); }
Result<SiteStatus> parse_site_status(const std::string& json) { return reflection::parse<SiteStatus>(json); }

}  // namespace gemel::api
