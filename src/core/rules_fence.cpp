// What must not go on, before anything else is considered: a foreign or vanished record, a gate without a permit, a
// deposed primary, the remains of a crash.
#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "core/rules.h"

namespace gemel::core::rules {
namespace {

bool is_up(const State& state) {
  return state.facts.run == PostgresRun::primary || state.facts.run == PostgresRun::standby ||
         state.facts.run == PostgresRun::starting;
}

bool is_ending(const State& state) {
  const auto busy = state.slots.find(Slot::postgres);
  return busy != state.slots.end() && std::holds_alternative<action::KillPostgres>(busy->second.kind);
}

bool is_promoting(const State& state) {
  const auto busy = state.slots.find(Slot::postgres);
  return busy != state.slots.end() && std::holds_alternative<action::Promote>(busy->second.kind);
}

void kill(State& state, Decision& decision) {
  stop_serving(state, decision);
  if (is_up(state) && !is_ending(state)) decision.preempt(action::KillPostgres{});
}

bool is_foreign(const State& state) {
  const Record* record = state.record();
  if (record == nullptr) return false;
  const bool is_other_server =
      !state.facts.system_id.empty() && !record->system_id.empty() && state.facts.system_id != record->system_id;
  return record->cluster_id != state.config.cluster_id || is_other_server;
}

void halt_foreign(State& state, Decision& decision) {
  decision.note(NoteLevel::error, "the record belongs to another site or another database (system identifier " +
                                      state.record()->system_id + ", here " + state.facts.system_id +
                                      "): nothing is started; move the data directory away to join this site");
  kill(state, decision);
}

bool has_regressed(const State& state) {
  if (state.has_lost_record || state.has_lost_epoch()) return true;
  if (!state.is_store_known || state.facts.served.value == 0) return false;
  if (state.record() == nullptr || state.record()->epoch < state.facts.served) return true;
  return state.record()->epoch == state.facts.served && !state.is_holder();
}

void halt_regressed(State& state, Decision& decision) {
  decision.note(
      NoteLevel::error,
      "etcd's record is gone or older than what this host knows (etcd restored from a backup?): everything stops until "
      "a person decides which copy counts");
  kill(state, decision);
  // The answer may have been a stale one: what is looked at again can prove it wrong.
  const bool is_due = !state.store_read_at || state.now - *state.store_read_at >= std::chrono::seconds(1);
  if (is_due && !state.pending && !state.is_busy(Slot::store) && state.now >= state.read_retry_at)
    decision.start(action::ReadStore{});
}

bool is_superseded(const State& state) {
  if (!state.is_serving()) return false;
  return !state.is_holder() || state.record()->epoch != state.opened || state.highest_epoch() > state.opened ||
         state.record()->state == RecordState::resigned;
}

void shut_superseded(State& state, Decision& decision) {
  decision.note(NoteLevel::warn, "somebody knows a higher epoch: this primary serves no more");
  stop_serving(state, decision);
  state.hinted = Revision{std::max(state.hinted.value, state.revision().value + 1)};
}

bool has_permit(const State& state) { return state.permit_until() > state.now; }

void shut_without_permit(State& state, Decision& decision) {
  decision.note(NoteLevel::warn, "no permit: not every member of " + to_string(state.record()->members) +
                                     " confirmed a heartbeat within the lease; the gate is shut");
  decision.start(action::ShutGate{});
  state.shut_asked = state.shut_since.emplace(state.now);
  state.refreshed_until = TimePoint{};
}

bool wants_refresh(const State& state) {
  if (!state.is_serving() || !has_permit(state)) return false;
  const TimePoint until = state.permit_until();
  // Also when it became shorter: with an add in flight one more member must confirm, and the kernel keeps the gate open
  // by itself if this agent ends now.
  if (state.shut_since || state.refreshed_until > until) return true;
  // Every refresh is a transaction of the kernel's packet filter: not one for each heartbeat while there is time.
  const bool is_worth_it = until - state.refreshed_until >= state.timers().hb / 2;
  return is_worth_it && state.refreshed_until - state.now < state.timers().lease * 7 / 10;
}

void refresh_gate(State& state, Decision& decision) {
  if (state.shut_since) decision.note(NoteLevel::info, "the permit is back: the gate opens again");
  state.shut_since.reset();
  set_gate(state, decision);
}

bool is_primary_without_right(const State& state) {
  if (state.facts.run != PostgresRun::primary || is_ending(state) || is_promoting(state) || state.record() == nullptr)
    return false;
  if (!state.is_holder()) return true;
  if (state.record()->state == RecordState::resigned) return !state.hand_over;
  if (state.promoted == state.record()->epoch) return false;
  // A primary that this run did not promote may only be claimed, and only if its directory served this very epoch.
  // After a bid there is nothing to claim: somebody was faster than the promotion.
  return state.has_won() || state.facts.served != state.record()->epoch;
}

/// Somebody promoted this server by hand: none of the epochs this host won can have made its timeline. No history entry
/// will ever know where it left, so that nothing but a copy helps.
bool is_promoted_by_hand(const State& state) {
  return std::ranges::none_of(state.store.history, [&](const HistoryEntry& entry) {
    return entry.node == state.self && (!entry.complete || entry.timeline == state.facts.timeline);
  });
}

void fence(State& state, Decision& decision) {
  if (!state.is_holder() && is_promoted_by_hand(state)) state.must_clone = true;
  decision.note(NoteLevel::warn, "this PostgreSQL is a primary without the right to be one (epoch " +
                                     std::to_string(state.record()->epoch.value) + " belongs to " +
                                     state.record()->holder.name + "): fenced");
  kill(state, decision);
}

bool is_serving_too_few(const State& state) { return state.is_serving() && state.is_short_of_copies(); }

constexpr Rule table[] = {
    {"drop_left_address", "R9", "the agent has just started and the record names another host",
     "drop the address an earlier run of the agent may have left", true,
     [](const State& s) { return s.may_hold_address && s.record() != nullptr && !s.is_holder(); },
     [](State& s, Decision& d) {
       s.may_hold_address = false;
       d.start(action::DropAddress{});
     }},
    {"halt_foreign", "R9", "the record is of another site or another database", "stop everything, say so", false,
     is_foreign, halt_foreign},
    {"halt_regressed", "R9",
     "the record is gone, or older than what this directory served or this agent knew for certain",
     "stop everything, ask a person", false, has_regressed, halt_regressed},
    {"shut_stopped", "R9", "PostgreSQL was stopped behind an open gate (a hand-over)",
     "shut the gate, drop the address, before anything else is done", true,
     [](const State& s) { return !s.is_serving() && s.address_epoch.value != 0; }, stop_serving},
    {"shut_superseded", "R6", "serving, and somebody knows a higher epoch or the record names another", "shut the gate",
     true, is_superseded, shut_superseded},
    {"shut_short_of_copies", "R5", "serving, and S has fewer members than min_copies",
     "shut the gate; PostgreSQL goes on, so that a standby can come back", true, is_serving_too_few,
     [](State& s, Decision& d) {
       d.note(NoteLevel::error, "only " + std::to_string(s.record()->members.size()) + " of " +
                                    std::to_string(s.config.min_copies) + " copies: the gate is shut");
       stop_serving(s, d);
     }},
    {"shut_without_permit", "R5", "serving, and a member has not confirmed within T_lease",
     "shut the gate, keep PostgreSQL", true,
     [](const State& s) { return s.is_serving() && !s.shut_since && !has_permit(s); }, shut_without_permit},
    {"refresh_gate", "R5", "serving with a permit that was extended",
     "set the gate's time-out to the end of the permit", true, wants_refresh, refresh_gate},
    {"fence", "R9", "PostgreSQL is a primary, the record does not allow it", "gate, address, kill, standby.signal",
     false, is_primary_without_right, fence},
    {"fence_shut_long", "R9", "no permit for T_kill", "kill PostgreSQL even if nobody took over", false,
     [](const State& s) {
       return s.shut_since && s.now - *s.shut_since >= s.timers().kill && s.facts.run == PostgresRun::primary &&
              !is_ending(s) && !s.is_paused();
     },
     [](State& s, Decision& d) {
       d.note(NoteLevel::warn, "no permit for T_kill: PostgreSQL is killed");
       kill(s, d);
     }},
    {"clean_up_crash", "R9", "PostgreSQL ended by itself", "gate, address, kill what remains of it", false,
     [](const State& s) {
       return s.is_crash_unclean && !is_ending(s) && (!s.has_kill_failed || s.may_retry_postgres());
     },
     [](State& s, Decision& d) {
       d.note(NoteLevel::warn, "PostgreSQL ended by itself or a procedure failed: what remains of it is killed");
       stop_serving(s, d);
       d.preempt(action::KillPostgres{});
     }},
};

}  // namespace

std::span<const Rule> fence() { return table; }

void set_gate(State& state, Decision& decision) {
  state.refreshed_until = state.permit_until();
  decision.start(action::RefreshGate{state.refreshed_until, state.opened, !state.is_draining()});
}

void stop_serving(State& state, Decision& decision) {
  // A server that was ended behind an open gate no longer counts as serving; what was opened for it must shut.
  if (state.is_serving() || state.address_epoch.value != 0) {
    decision.start(action::ShutGate{});
    state.shut_asked = state.now;
  }
  if (state.address_epoch.value != 0 || state.may_hold_address) decision.start(action::DropAddress{});
  state.opened = Epoch{};
  state.address_epoch = Epoch{};
  state.may_hold_address = false;
  state.shut_since.reset();
  state.refreshed_until = TimePoint{};
}

}  // namespace gemel::core::rules
