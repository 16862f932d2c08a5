#include "adapters/etcd/quorum.h"

#include <algorithm>
#include <map>

namespace gemel::adapters::etcd {

Quorum summarize(const std::vector<Probe>& probes) {
  Quorum quorum;
  quorum.total = static_cast<int>(probes.size());
  std::uint64_t newest_term = 0;
  for (const Probe& probe : probes)
    if (probe.status) newest_term = std::max(newest_term, probe.status->header.raft_term);
  std::map<std::uint64_t, int> votes;
  for (const Probe& probe : probes) {
    if (!probe.status) {
      quorum.silent.push_back(probe.voter);
      continue;
    }
    ++quorum.reachable;
    if (probe.status->header.raft_term == newest_term && probe.status->leader_id != 0) ++votes[probe.status->leader_id];
  }
  for (const auto& [leader, count] : votes) {
    if (2 * count <= quorum.total) continue;
    quorum.has_leader = true;
    for (const Probe& probe : probes)
      if (probe.status && probe.status->header.member_id == leader) quorum.leader = probe.voter;
  }
  return quorum;
}

}  // namespace gemel::adapters::etcd
