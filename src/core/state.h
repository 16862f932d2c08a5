// Everything a controller remembers: a copyable value. Rules read it through the questions below and change it only
// while they decide.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/random.h"
#include "core/config.h"
#include "core/event.h"

namespace gemel::core {

struct PeerState {
  TimePoint heard_at;
  std::optional<TimePoint> confirmed;  // newest send time it confirmed, our clock
  Beat beat;
};

/// A compare-and-swap sent and not yet known to have ended (R8).
struct PendingSwap {
  action::SwapRecord swap;
  bool is_in_flight = true;  // false: outcome unknown, to be resolved
  bool was_unknown = false;  // an attempt before this one may have taken effect
};

/// R3 in progress.
struct AddProcedure {
  NodeId node;
  TimePoint started;
  std::optional<Lsn> mark;  // set when the names are effective
};

/// Planned hand-over in progress.
enum class HandOverStage : std::uint8_t { checkpoint, stop, resign };
struct HandOver {
  NodeId to;  // empty: whoever bids first
  HandOverStage stage = HandOverStage::checkpoint;
  TimePoint started;
};

/// How long a standby has been streaming (or not), and whether its flush moves.
struct LinkState {
  TimePoint since;  // of the present value of is_streaming
  bool is_streaming = false;
  Lsn flush_lsn;
  TimePoint progressed;  // flush moved, or nothing was to flush
};

struct InFlight {
  ActionId id;
  ActionKind kind;
};

struct State {
  State(NodeId self_, Config config_, std::uint64_t seed)
      : self(std::move(self_)), config(std::move(config_)), random(seed) {}

  NodeId self;
  Config config;
  Random random;
  TimePoint now;
  std::optional<TimePoint> last_step;

  // the record
  bool is_store_known = false;  // some linearizable answer arrived since start
  StoreView store;
  std::optional<TimePoint> store_read_at;
  Revision hinted;  // highest revision somebody spoke of
  std::optional<PendingSwap> pending;
  Epoch won;  // highest epoch for which this run made a successful transaction as holder (bid, create, claim)
  TimePoint won_at;
  bool owns_bootstrap = false;
  std::optional<TimePoint> resigned_at;  // when this run first saw the present resignation

  // heartbeats
  std::map<NodeId, PeerState> peers;
  Epoch heard;            // highest epoch anybody ever spoke of; a peer that restarts forgets, this host does not
  TimePoint count_start;  // R6: the later of start, last stall, last confirmation
  bool is_quiesced = false;

  // PostgreSQL
  PostgresFacts facts;
  TimePoint facts_at;
  std::map<NodeId, LinkState> links;
  std::optional<NodeSet> names;  // synchronous standbys known to be in effect
  Epoch promoted;                // this run promoted (or claimed) for this epoch
  std::optional<payload::Promoted> fork;
  bool is_crash_unclean = false;  // the postmaster ended by itself: processes may remain
  bool is_checkpointed = false;   // after the promotion of `promoted`
  bool is_cut = false;       // S was cut to the holder (R2) after that promotion, or the promotion was not ours to make
  bool must_rewind = false;  // WAL beyond the fork although it never served (failure mode 19)
  bool must_clone = false;   // the holder no longer has the WAL this standby needs
  TimePoint not_receiving_since;
  TimePoint postgres_retry_at;
  Duration postgres_backoff{0};
  TimePoint store_retry_at;
  TimePoint read_retry_at;       // of reads alone: a failed read must not delay a bid
  bool has_kill_failed = false;  // the last KillPostgres did not end: back off before the next

  // service
  Epoch opened;                         // the gate is open for this epoch
  bool has_opened = false;              // ... or was, since the epoch was won
  std::optional<TimePoint> shut_since;  // a serving primary behind a shut gate since
  TimePoint refreshed_until;
  Epoch address_epoch;  // 0: not held

  // procedures
  std::optional<AddProcedure> add;
  std::optional<HandOver> hand_over;
  bool is_stopping = false;

  std::map<Slot, InFlight> slots;
  std::uint64_t next_action = 1;
  std::optional<Beat> said;
  std::string last_rule;

  // ---- questions ----
  [[nodiscard]] const Timers& timers() const { return config.timers; }
  [[nodiscard]] const Record* record() const { return store.record ? &store.record->record : nullptr; }
  [[nodiscard]] Revision revision() const { return store.record ? store.record->revision : Revision{}; }
  [[nodiscard]] bool is_busy(Slot slot) const { return slots.contains(slot); }
  /// The record names this node.
  [[nodiscard]] bool is_holder() const { return record() != nullptr && record()->holder == self; }
  /// Holder by an own successful transaction of this run: S of the record is exact, not hearsay.
  [[nodiscard]] bool has_won() const { return is_holder() && won == record()->epoch; }
  [[nodiscard]] bool is_member(const NodeId& node) const {
    return record() != nullptr && record()->members.contains(node);
  }
  [[nodiscard]] NodeSet other_members() const;
  /// Heard within T_suspect.
  [[nodiscard]] bool is_heard(const NodeId& node) const;
  /// Heard within T_suspect, and it confirmed one of our heartbeats sent within T_suspect.
  [[nodiscard]] bool is_fresh(const NodeId& node) const;
  /// A fresh member besides self whose PostgreSQL could be promoted now.
  [[nodiscard]] std::optional<NodeId> best_successor() const;
  /// Highest epoch this node has heard of from anybody.
  [[nodiscard]] Epoch highest_epoch() const;
  /// R5: until when this holder may serve, by what its members confirmed. now + T_lease when nobody must confirm.
  [[nodiscard]] TimePoint permit_until() const;
  [[nodiscard]] bool is_serving() const { return opened.value != 0; }
  /// What `is_stopping` asked for is done: nothing runs, nothing is being handed over.
  [[nodiscard]] bool has_stopped() const;
  /// R10: the directory has WAL of an epoch that others have left behind.
  [[nodiscard]] bool is_diverged() const;
  /// pg_rewind may be believed: this directory's timeline is that of an epoch of its own which the history knows.
  /// Without that another host may have made the same timeline number of another fork, and pg_rewind trusts the number
  /// (failure mode 16).
  [[nodiscard]] bool is_rewind_trusted() const;
  [[nodiscard]] const HistoryEntry* history_of(Epoch epoch) const;
  [[nodiscard]] bool may_retry_postgres() const { return now >= postgres_retry_at; }
  [[nodiscard]] bool may_retry_store() const { return now >= store_retry_at; }
};

}  // namespace gemel::core
