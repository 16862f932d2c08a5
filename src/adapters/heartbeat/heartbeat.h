// Heartbeats between the database hosts: what a host says of itself, what it heard of the others, and which of the
// holder's heartbeats were confirmed (rules R5 and R6). Real one: udp_heartbeat.h; in memory: fake_heartbeat.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/ids.h"
#include "base/lsn.h"
#include "base/time.h"
#include "core/beat.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::heartbeat {

/// What the loop wants to be said of this host. Names are at most 63 bytes (longer ones are refused at start).
using core::Beat;

struct Heard {
  NodeId from;
  Beat beat;
  /// Send time, on OUR boot clock, of our newest heartbeat that `from` confirmed to this process; never goes back.
  std::optional<TimePoint> confirmed_send_time;
  TimePoint heard_at;  // our boot clock
};

struct HeartbeatStats {
  std::uint64_t sent = 0;
  std::uint64_t heard = 0;            // accepted
  std::uint64_t not_sent = 0;         // the socket refused (no route, no buffer)
  std::uint64_t not_authentic = 0;    // wrong size, version, sender or key
  std::uint64_t replayed = 0;         // sequence not above the last one of its session
  std::uint64_t session_unknown = 0;  // authentic, but its session has not answered our challenge
  std::uint64_t other_cluster = 0;
  std::uint64_t silent_for_stall = 0;  // ticks on which nothing was said because the loop did not run
  bool is_realtime = false;            // SCHED_FIFO was granted
  bool is_memory_locked = false;       // the process's touched pages stay in memory
};

/// Loop thread only. Owned by the agent; ends with it. Nothing of it survives a crash: a new process has a new session
/// and is believed only after it answered its peers' challenges (one round trip).
class Heartbeat {
 public:
  Heartbeat() = default;
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;
  virtual ~Heartbeat() = default;

  /// From now on this is said every T_hb; nothing is said before the first call. A change of anything but `wal_end` is
  /// sent to every peer at once. Does not suspend; the newest call wins.
  virtual void say(Beat beat) = 0;
  /// `handler` runs on the loop for what was accepted, the newest of each peer: at once when it says something new or
  /// ends a silence, otherwise in collect(), so that an idle site sleeps.
  virtual void on_heard(std::function<void(Heard)> handler) = 0;
  /// Calls the handler for what was heard and not handed over yet. To be called before anything is decided.
  virtual void collect() = 0;
  /// Stops confirming. When it returns no confirmation leaves this host any more (until resume), and the result is the
  /// boot time at which the newest confirmed heartbeat's first confirmation had left; the start of this object when
  /// there was none, because the process before it may have confirmed just before it ended. Suspends for the time of
  /// one thread switch, not on any network. Cancelling does not undo it. Idempotent.
  virtual runtime::Task<TimePoint> quiesce() = 0;
  /// Confirms again, heartbeats of epochs >= `lowest` only. What was heard before is not confirmed afterwards.
  virtual void resume(Epoch lowest) = 0;
  /// As quiesce() gives it, at once and without stopping.
  [[nodiscard]] virtual TimePoint last_confirmation() const = 0;
  [[nodiscard]] virtual HeartbeatStats stats() const = 0;
};

}  // namespace gemel::adapters::heartbeat
