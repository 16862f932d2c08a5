// decide_swap: what the answers of several endpoints to one and the same compare-and-swap say together. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/etcd/record_store.h"

namespace gemel::adapters::etcd {

/// How the sending of the transaction to one endpoint ended.
enum class AttemptEnd : std::uint8_t {
  pending,   // no answer yet
  silent,    // sent, and no usable answer will come: it may have been applied, or still be
  not_sent,  // certainly not executed, now or later
  done,      // applied by this attempt
  refused,   // executed, its comparison failed
};

struct Attempt {
  AttemptEnd end = AttemptEnd::pending;
  Revision revision;                    // done, refused: mod_revision of the compared key afterwards; 0: there is none
  std::int64_t version = 0;             // refused: number of writes to that key since its creation
  bool is_ours = false;                 // refused: the value there is the one of this very swap (its token)
  std::optional<NodeId> history_node;   // refused: node of the entry the swap wanted to create, if it exists
  std::optional<core::StoreView> seen;  // refused: what is there
  std::string reason;                   // silent, not_sent
};

struct SwapQuestion {
  Revision expected;                             // 0: the key must not exist
  std::optional<std::int64_t> expected_version;  // version of the key at `expected`, when known
  std::optional<NodeId> history_node;            // the swap also creates a history entry, for this node
};

/// The outcome, or nothing while an attempt is pending that can still change it. With `time_is_up` pending counts as
/// silent, and there is always an outcome.
std::optional<SwapAnswer> decide_swap(const SwapQuestion& question, const std::vector<Attempt>& attempts,
                                      bool time_is_up);

}  // namespace gemel::adapters::etcd
