#include "torture/endstate.h"

#include <fmt/format.h>

#include <algorithm>

namespace gemel::torture {

namespace {

using Findings = std::vector<std::string>;

void judge_host(Findings& findings, const HostState& host, std::int64_t max_wal_bytes) {
  const auto add = [&](std::string text) { findings.push_back(host.name + ": " + std::move(text)); };
  if (!host.has_checksums) add("data checksums are off");
  if (host.checksum_failures > 0) add(fmt::format("{} pages failed their checksum", host.checksum_failures));
  if (host.idle_slots > 0) add(fmt::format("{} replication slots are used by nobody", host.idle_slots));
  if (host.wal_bytes > max_wal_bytes)
    add(fmt::format("{} MB of WAL, more than {}", host.wal_bytes >> 20, max_wal_bytes >> 20));
}

void judge_standby(Findings& findings, const HostState& host, const HostState& primary) {
  if (host.system != primary.system) findings.push_back(host.name + ": another system identifier than " + primary.name);
  if (!host.is_receiving) findings.push_back(host.name + ": does not stream");
  if (host.position < primary.position)
    findings.push_back(
        fmt::format("{}: {} bytes behind {}", host.name, primary.position - host.position, primary.name));
}

void judge_rows(Findings& findings, const HostState& host, const HostState& primary) {
  for (const auto& [table, sum] : primary.sums) {
    const auto found = host.sums.find(table);
    if (found == host.sums.end())
      findings.push_back(fmt::format("{}: has no table {}", host.name, table));
    else if (found->second != sum)
      findings.push_back(fmt::format("{}: {} rows of {} differ from the {} of {}", host.name, found->second.count,
                                     table, sum.count, primary.name));
  }
  for (const auto& [table, sum] : host.sums)
    if (!primary.sums.contains(table))
      findings.push_back(fmt::format("{}: has a table {} of its own", host.name, table));
}

}  // namespace

std::vector<std::string> judge_endstate(const std::vector<HostState>& hosts, std::int64_t max_wal_bytes,
                                        bool needs_sums) {
  Findings findings;
  std::vector<const HostState*> primaries;
  for (const auto& host : hosts) {
    if (!host.problem.empty())
      findings.push_back(host.name + ": cannot be asked: " + host.problem);
    else if (!host.is_in_recovery)
      primaries.push_back(&host);
  }
  if (!findings.empty()) return findings;
  if (primaries.size() != 1) return {fmt::format("{} hosts are not in recovery, not 1", primaries.size())};
  const auto& primary = *primaries.front();
  if (primary.streaming < static_cast<std::int64_t>(hosts.size()) - 1)
    findings.push_back(
        fmt::format("{}: {} standbys stream from it, not {}", primary.name, primary.streaming, hosts.size() - 1));
  for (const auto& host : hosts) {
    judge_host(findings, host, max_wal_bytes);
    if (needs_sums && !host.has_sums) findings.push_back(host.name + ": its rows could not be read");
    if (&host == &primary) continue;
    judge_standby(findings, host, primary);
    if (host.has_sums && primary.has_sums) judge_rows(findings, host, primary);
  }
  return findings;
}

}  // namespace gemel::torture
