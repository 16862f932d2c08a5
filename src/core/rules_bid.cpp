// Who may try to take over, and when (R1, R6, R7).
#include <algorithm>

#include "core/rules.h"

namespace gemel::core::rules {
namespace {

bool has_fresh_member(const State& state) {
  for (const auto& node : state.other_members()) {
    if (state.is_fresh(node)) return true;
  }
  return false;
}

/// The record and the clock allow a bid.
bool is_time_to_bid(const State& state) {
  const Record& record = *state.record();
  // R11: the holder ends a pause itself; others may bid when its long lease cannot last any more.
  if (record.state == RecordState::paused && (state.is_holder() || !state.has_pause_run_out())) return false;
  if (record.state == RecordState::resigned) {
    const bool is_late = state.resigned_at && state.now - *state.resigned_at >= state.timers().promote;
    // Who resigned lets the others go first; who is not preferred lets the preferred go first.
    if (state.is_holder()) return is_late || !has_fresh_member(state);
    return record.preferred.empty() || record.preferred == state.self || is_late;
  }
  // Its own epoch. A server that was never promoted for it is no crash to resign for.
  if (state.is_holder()) {
    const bool is_better_than_resigning =
        state.facts.run == PostgresRun::standby || state.is_crash_damped() || !state.best_successor();
    return state.is_predecessor_over() && is_better_than_resigning;
  }
  return state.now - state.count_start >= state.timers().grace;
}

/// Somebody spoke of a newer record than etcd shows here: a bid could not succeed, unless etcd was restored from an old
/// copy, and then it must not.
bool is_record_outdated(const State& state) {
  return state.is_ahead_of_record() || std::ranges::any_of(state.peers, [&](const auto& peer) {
           return peer.second.beat.revision > state.revision();
         });
}

bool may_bid(const State& state) {
  if (state.record() == nullptr || !state.is_member(state.self) || state.is_stopping || state.is_crash_unclean ||
      is_record_outdated(state))
    return false;
  // Won and still valid: nothing to bid for. A promotion that failed has reset `won`.
  if (state.has_won() && state.record()->state == RecordState::normal) return false;
  const bool is_able = state.facts.run == PostgresRun::standby || state.facts.run == PostgresRun::stopped;
  return is_able && !state.is_busy(Slot::postgres) && !state.hand_over && is_time_to_bid(state);
}

void bid(State& state, Decision& decision) {
  Record next = next_record(state);
  next.epoch = Epoch{state.record()->epoch.value + 1};
  next.holder = state.self;
  next.state = RecordState::normal;
  next.preferred = NodeId{};
  const Record& record = *state.record();
  const std::string reason = record.holder == state.self             ? "PostgreSQL here has ended"
                             : record.state == RecordState::resigned ? record.holder.name + " resigned"
                                                                     : record.holder.name + " is gone";
  decision.note(NoteLevel::warn, "bids for epoch " + std::to_string(next.epoch.value) + ": " + reason);
  const Cause cause = record.state == RecordState::resigned ? record.cause
                      : record.holder == state.self         ? Cause::crash
                                                            : Cause::failover;
  next.cause = Cause::none;
  next.pause.reset();
  const HistoryEntry entry{next.epoch, state.self, false, 0, {}, cause};
  start_swap(state, decision, SwapPurpose::bid, std::move(next), entry);
}

bool is_bid_pending(const State& state) { return state.pending && state.pending->swap.purpose == SwapPurpose::bid; }

constexpr Rule table[] = {
    {"quiesce", "R6", "may bid", "first stop confirming heartbeats, and learn when the last confirmation left", false,
     [](const State& s) {
       return may_bid(s) && !s.is_quiesced && !s.is_busy(Slot::heartbeat) && is_store_free(s) && s.may_retry_store();
     },
     [](State&, Decision& d) { d.start(action::QuiesceHeartbeat{}); }},
    {"bid", "R1", "in S, T_grace passed since the last confirmation (or the holder resigned), confirming nothing",
     "swap: epoch + 1, holder = self, S unchanged", false,
     [](const State& s) { return may_bid(s) && s.is_quiesced && is_store_free(s) && s.may_retry_store(); }, bid},
    {"resume_heartbeat", "R6", "no bid is open", "confirm heartbeats again, never of a lower epoch", true,
     [](const State& s) { return s.is_quiesced && !is_bid_pending(s); },
     [](State& s, Decision& d) {
       s.is_quiesced = false;
       d.start(action::ResumeHeartbeat{s.highest_epoch()});
     }},
};

}  // namespace

std::span<const Rule> bid() { return table; }

}  // namespace gemel::core::rules
