// One host's PostgreSQL server as the agent sees it: observe it, and the few actions the protocol needs. Implemented by
// RealPostgres and, for tests of the agent, by FakePostgres.
#pragma once

#include <cstdint>
#include <functional>

#include "base/error.h"
#include "base/ids.h"
#include "base/lsn.h"
#include "core/postgres_facts.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::postgres {

struct Promoted {
  std::uint32_t timeline = 0;
  Lsn switch_lsn;  // where the new timeline began, from its history file
  Lsn end;         // flushed here; a standby that has flushed this has everything up to the end of recovery
};

struct NamesSet {
  Lsn mark;  // with barrier: a standby that has flushed this has all that was ever acknowledged; else 0
};

/// Loop thread only. observe() may run beside an action; actions one at a time (the caller's duty). The object must
/// outlive its running calls. All suspend.
///
/// The server always starts as a standby and only promote() makes it a primary. Everything runs in one cgroup; stopped
/// means that cgroup is empty. After any error of an action: observe again. Errors of all actions: `refused` or
/// `conflict` = not in a state for it, nothing done; `timed_out` = unknown how far it came; others = it failed on the
/// way.
class PostgresServer {
 public:
  PostgresServer() = default;
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;
  virtual ~PostgresServer() = default;

  /// At most 250 ms, usually below 5 ms. A server that stops answering keeps the run state it had last (its processes
  /// may be frozen): is_receiving and standbys are then empty and write_probe_age grows. Fails only when files of this
  /// host cannot be read or understood.
  virtual runtime::Task<Result<core::PostgresFacts>> observe() = 0;

  /// A new cluster in an absent directory: data page checksums, roles, application database. Leaves it stopped, as a
  /// standby of nobody, with bootstrap_pending. A crash at any point is repaired by calling it again; done already:
  /// success. `refused` when there is a data directory that bootstrap did not begin.
  virtual runtime::Task<Status> bootstrap() = 0;
  /// Starts as a standby of `upstream` (empty: of nobody) and returns when it answers on the local socket. `names` is
  /// what will hold once it is promoted. `refused`: absent, ruined, or running.
  virtual runtime::Task<Status> start(NodeId upstream, NodeSet names) = 0;
  /// Running standby: follow another upstream (or nobody) from now on.
  virtual runtime::Task<Status> follow(NodeId upstream) = 0;
  /// A hint: promote() may follow within a second. Opens beforehand what it needs; changes nothing, never fails.
  virtual void expect_promotion() {}
  /// Names first and in effect for new sessions, clients' sessions ended, then promotion. Returns when not in recovery.
  /// `timeline`: the number of the new one, or the next one when that is higher. `conflict`: a timeline of that number
  /// is known here already, nothing done; `corrupt`: the server chose another number.
  virtual runtime::Task<Result<Promoted>> promote(NodeSet names, std::uint32_t timeline) = 0;
  /// Sets the synchronous standbys, in the file and in effect for new sessions. With barrier also for every commit that
  /// is acknowledged from now on, and gives the mark (rule R3).
  virtual runtime::Task<Result<NamesSet>> set_names(NodeSet names, bool with_barrier) = 0;
  virtual runtime::Task<Status> checkpoint() = 0;
  /// Fast stop; everything is killed after `limit`. Afterwards nothing here can acknowledge or send anything; a process
  /// that only gives its memory back may be left, and start() waits for it. Gives the end of the shutdown checkpoint
  /// (the whole WAL, when it was a primary); 0 when it had to be killed. Not running: success with what the directory
  /// says.
  virtual runtime::Task<Result<Lsn>> stop(Duration limit) = 0;
  /// Rule R9, steps 3 and 4: every process killed and gone, then a standby of nobody. Idempotent, in any state.
  virtual runtime::Task<Status> kill() = 0;
  /// Makes a stopped, diverged directory a standby of `source`, which must have checkpointed since its promotion.
  /// Once the marker is laid every failure leaves it `ruined`; `unavailable` before that (source does not answer).
  virtual runtime::Task<Status> rewind(NodeId source) = 0;
  /// Replaces whatever is there by a copy of `source`. A failure leaves `ruined`.
  virtual runtime::Task<Status> clone(NodeId source) = 0;
  /// epoch.served = max(epoch.served, epoch), durably, and the end of bootstrap_pending.
  virtual runtime::Task<Status> mark_served(Epoch epoch) = 0;
  /// Primary: one small WAL record, flushed (a rewound standby may need it to become consistent).
  virtual runtime::Task<Status> emit_wal() = 0;
  /// Called on the loop at once when the postmaster ended, wanted or not. One listener.
  virtual void on_exit(std::function<void()> listener) = 0;
  /// Ends the background tasks (watch, write probe). The server goes on running.
  virtual runtime::Task<void> close() = 0;
};

}  // namespace gemel::adapters::postgres
