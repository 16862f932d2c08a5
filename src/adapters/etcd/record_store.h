// RecordStore: what the agent needs of the agreement service, and nothing more. EtcdStore is the real one, FakeStore
// stands beside it; both pass the same contract test.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "core/event.h"
#include "core/record.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::etcd {

using core::Certainty;
using runtime::Task;

/// Outcome of a compare-and-swap. `refused` without `seen`: nothing could even be sent, or what is there is unreadable.
struct SwapAnswer {
  Certainty certainty = Certainty::unknown;
  Revision revision;                    // done: the new revision of the record
  std::optional<core::StoreView> seen;  // refused: what is there, read inside the refused transaction
  std::string reason;                   // for a person; empty when done
};

/// What the periodic probe of the voters found last. For the status only: nothing is decided by it.
struct Quorum {
  int reachable = 0;                // voters that answered the last probe
  int total = 0;                    // voters of the site
  bool has_leader = false;          // a majority of all voters names one and the same leader
  NodeId leader;                    // that voter; empty when unknown
  std::vector<NodeId> silent = {};  // voters that did not answer
  /// False: the record cannot be changed now, so no failover is possible.
  [[nodiscard]] bool can_change() const { return has_leader && 2 * reachable > total; }
  bool operator==(const Quorum&) const = default;
};

/// Loop thread only. Every call ends within about `limit`; cancelling a call leaves its outcome unknown.
class RecordStore {
 public:
  RecordStore() = default;
  RecordStore(const RecordStore&) = delete;
  RecordStore& operator=(const RecordStore&) = delete;
  virtual ~RecordStore() = default;

  /// Record and history in one linearizable request. Old state is possible all the same (a defect of some etcd versions
  /// after a process pause): never decide on it (R8). `unavailable`, `timed_out`, `corrupt`, `invalid`.
  virtual Task<Result<core::StoreView>> read(Duration limit) = 0;
  /// Creates the record, with the history entry of its epoch, if there is none.
  virtual Task<SwapAnswer> create(core::Record first, Duration limit) = 0;
  /// Replaces the record if its revision is still `expected`; with `history` also creates that entry, which must not
  /// exist yet. `next.token` must be unique to this attempt: it resolves lost answers.
  virtual Task<SwapAnswer> swap(Revision expected, core::Record next, std::optional<core::HistoryEntry> history,
                                Duration limit) = 0;
  /// Completes the entry of this epoch and node. Done when it is there already. `revision` is that of the entry.
  virtual Task<SwapAnswer> complete_history(core::HistoryEntry entry, Duration limit) = 0;
  /// Create-only; gives the owner that is there afterwards. Idempotent. `unavailable` = not sent, `timed_out` =
  /// unknown.
  virtual Task<Result<std::string>> claim_intent(std::string name, std::string owner, Duration limit) = 0;
  /// From now on calls `on_hint` when the record may have changed. A hint may be late, doubled or lost, and its view
  /// holds no history. One call only.
  virtual void watch(std::function<void(core::StoreView)> on_hint) = 0;
  [[nodiscard]] virtual Quorum quorum() const = 0;
};

}  // namespace gemel::adapters::etcd
