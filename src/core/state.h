// Everything a controller remembers: a copyable value. Rules read it through the questions below and change it only
// while they decide.
#pragma once

#include <array>
#include <chrono>
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
  TimePoint service_since;  // since when it reaches most service-side targets, when it does
};

/// A compare-and-swap sent and not yet known to have ended (R8).
struct PendingSwap {
  action::SwapRecord swap;
  bool is_in_flight = true;  // false: outcome unknown, to be resolved
  TimePoint sent = {};       // the first time
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
  Cause cause = Cause::switchover;
};

/// How long a standby has been streaming (or not), whether its flush moves, and how far behind it is in time.
struct LinkState {
  TimePoint since;  // of the present value of is_streaming
  bool is_streaming = false;
  Lsn flush_lsn;
  TimePoint progressed;                // flush moved, or nothing was to flush
  Lsn target;                          // the end of the log when this mark was set
  TimePoint target_set;                //
  std::optional<TimePoint> caught_up;  // it has flushed all that was written by then
};

/// A standby's stream as the looks at it show it.
struct Stream {
  std::uint32_t receiver = 0;
  TimePoint since;  // the first look that saw this receiver, and every one after it
};

/// R11: the present pause as this run knows it.
struct PauseWatch {
  std::string id;
  TimePoint known;                // since then, less the time this loop stood still
  std::optional<TimePoint> sent;  // when this run sent it as the holder: its long lease counts from then
};
struct PauseWish {
  event::PauseAsked asked;
  TimePoint since;
};
struct ForceWish {
  std::string by;
  Revision revision;  // of the record that the operator's report was about
};

/// The last look at the service-side targets.
struct ServiceState {
  std::uint16_t reachable = 0;
  std::uint16_t total = 0;
  TimePoint since;  // of "fewer than half" or of "half or more"
  TimePoint seen;
};

/// How often a standby was removed lately.
struct FlapState {
  unsigned count = 0;
  TimePoint last;
};

/// So long back take-overs and removals are counted.
inline constexpr Duration damping_window = std::chrono::minutes(10);
/// A name that no standby bears: with it among the names local writers wait while there are too few copies.
inline const NodeId no_copy{"gemel_waits_for_a_copy"};

/// Half of the targets is neither a minority nor a majority.
constexpr bool is_minority(std::uint16_t reachable, std::uint16_t total) { return 2U * reachable < total; }
constexpr bool is_majority(std::uint16_t reachable, std::uint16_t total) { return 2U * reachable > total; }

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
  TimePoint record_since;             // the present revision is known since
  std::map<Epoch, TimePoint> learnt;  // epochs this run saw begin, and when
  std::optional<PauseWatch> pause;
  std::optional<TimePoint> resigned_at;  // when this run first saw the present resignation
  std::optional<TimePoint> older_since;  // answers show an older record: they are stale, or etcd has lost what it had
  bool has_lost_record = false;          // ... and this is proven: until the very record that is known is there again
  Epoch lost_epoch;                      // it was there once, and a transaction found the record below it
  Revision confirmed;                    // of the record as this run wrote it without a change since PostgreSQL ended

  // heartbeats
  std::map<NodeId, PeerState> peers;
  Epoch heard;            // highest epoch anybody ever spoke of; a peer that restarts forgets, this host does not
  TimePoint heard_since;  // ... and when it was first heard of
  TimePoint count_start;  // R6: the later of start, last stall, last confirmation
  bool is_quiesced = false;
  ServiceState service;

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
  bool is_directory_seen = false;  // looked at since PostgreSQL here ended
  bool must_clone = false;         // the holder no longer has the WAL this standby needs
  TimePoint not_receiving_since;   // looks at it in between do not count unless the stream lasted
  std::optional<Stream> stream;    // empty: the last look did not see it receive
  TimePoint postgres_retry_at;
  Duration postgres_backoff{0};
  TimePoint store_retry_at;
  TimePoint read_retry_at;       // of reads alone: a failed read must not delay a bid
  bool has_kill_failed = false;  // the last KillPostgres did not end: back off before the next

  // service
  TimePoint opening_since;      // T_promote counts from then: the epoch won, or the last copy it had to wait for
  TimePoint gate_failed_until;  // shutting failed: the gate may be open until then
  TimePoint shut_asked;         // when the gate was last told to shut: word of a failure comes after that step
  Epoch opened;                 // the gate is open for this epoch
  bool has_opened = false;      // ... or was, since the epoch was won
  std::optional<TimePoint> shut_since;  // a serving primary behind a shut gate since
  TimePoint refreshed_until;
  Epoch address_epoch;           // 0: not taken by this run
  bool may_hold_address = true;  // an earlier run of the agent may have left it on the interface

  // procedures
  std::optional<AddProcedure> add;
  std::optional<HandOver> hand_over;
  std::optional<PauseWish> pause_wish;
  bool wants_resume = false;
  std::optional<ForceWish> force_wish;
  std::map<NodeId, FlapState> flaps;
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
  /// For the node that the record names: whoever held the epoch before has no permit by a confirmation of this host any
  /// more. Certain if this directory served the epoch. Otherwise the bid may have arrived late, after the agent that
  /// sent it was replaced by one that confirmed again: R6 counts.
  [[nodiscard]] bool is_predecessor_over() const {
    return facts.served == record()->epoch || now - count_start >= timers().grace;
  }
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
  /// Somebody spoke of an epoch that etcd, as this host knows it, does not have (yet).
  [[nodiscard]] bool is_ahead_of_record() const { return record() != nullptr && heard > record()->epoch; }
  /// ... and it never will: etcd lost it (ADR 0016).
  [[nodiscard]] bool has_lost_epoch() const { return record() != nullptr && lost_epoch > record()->epoch; }
  /// Highest epoch this node has heard of from anybody.
  [[nodiscard]] Epoch highest_epoch() const;
  [[nodiscard]] bool is_paused() const { return record() != nullptr && record()->state == RecordState::paused; }
  /// R11: until when the pause lets this holder serve without permits; in the past when it does not. From the moment an
  /// end of the pause is sent it does not.
  [[nodiscard]] TimePoint pause_lease_until() const;
  /// R11, for others than the holder: its long lease cannot last any more, whatever its clock did within the bounds.
  [[nodiscard]] bool has_pause_run_out() const;
  /// S has fewer members than the site demands for serving.
  [[nodiscard]] bool is_short_of_copies() const {
    return record() != nullptr && record()->members.size() < config.min_copies;
  }
  /// How long `node` must stream before it is added: longer each time it was removed lately, nothing when service waits
  /// for it.
  [[nodiscard]] Duration stable_time(const NodeId& node) const;
  /// A standby streams and its flush did not move at the last look at it: the next look should come soon.
  [[nodiscard]] bool is_waiting_for_flush() const;
  /// The standby disappointed: it was removed from S, or could not be added.
  void count_flap(const NodeId& node);
  /// Take-overs (a holder other than the one before) for this reason that this run saw within `window`.
  [[nodiscard]] int take_overs(Cause cause, Duration window) const;
  /// Two take-overs for a crash within the window: a crash is no reason for another one, it follows the service around.
  [[nodiscard]] bool is_crash_damped() const { return take_overs(Cause::crash, damping_window) >= 2; }
  /// A look at the service-side targets that is young enough to count.
  [[nodiscard]] bool has_service_view() const;
  /// This host reaches fewer than half of the service-side targets; false when it has not looked lately.
  [[nodiscard]] bool is_service_poor() const {
    return has_service_view() && is_minority(service.reachable, service.total);
  }
  /// R5 without R11: by what its members confirmed. now + T_lease when nobody must confirm.
  [[nodiscard]] TimePoint ordinary_permit_until() const;
  /// Until when this holder may serve: R5, or R11 when that is later; at most now + T_lease.
  [[nodiscard]] TimePoint permit_until() const;
  [[nodiscard]] bool is_serving() const { return opened.value != 0; }
  /// PostgreSQL stops for a hand-over: sessions may end, nobody new is let in.
  [[nodiscard]] bool is_draining() const { return hand_over && hand_over->stage == HandOverStage::stop; }
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
