// How the probes of the single voters add up to the state of the quorum. Pure.
#pragma once

#include <optional>
#include <vector>

#include "adapters/etcd/gateway.h"
#include "adapters/etcd/record_store.h"

namespace gemel::adapters::etcd {

struct Probe {
  NodeId voter;
  std::optional<MemberStatus> status;  // empty: no answer
};

/// The leader is the one that a majority of all voters names in the newest raft term; a voter that is cut off and still
/// names an old leader does not count.
Quorum summarize(const std::vector<Probe>& probes);

}  // namespace gemel::adapters::etcd
