// Giving the service away on purpose: switchover, resignation after a crash or with a sick disk, stop of the agent.
#include <chrono>

#include "core/rules.h"

namespace gemel::core::rules {
namespace {

bool is_stage(const State& state, HandOverStage stage) { return state.hand_over && state.hand_over->stage == stage; }

/// Behind an open gate: a server that ends tells its clients so, and they look for the next one at once. New
/// connections are refused: they would cost the server a process each, and the last ones would wait in its backlog for
/// nothing. Nobody may bid before the record is resigned, and that comes after the gate is shut (shut_stopped).
void stop_primary(State& state, Decision& decision) {
  decision.note(NoteLevel::info, "hand-over to " +
                                     (state.hand_over->to.empty() ? "any standby" : state.hand_over->to.name) +
                                     ": PostgreSQL stops");
  if (state.is_serving() && !state.shut_since) set_gate(state, decision);
  decision.preempt(action::StopPostgres{state.timers().stop});
}

void resign(State& state, Decision& decision) {
  if (!state.is_holder() || state.record()->state != RecordState::normal) {
    state.hand_over.reset();
    return;
  }
  Record next = next_record(state);
  next.state = RecordState::resigned;
  next.preferred = state.hand_over ? state.hand_over->to : NodeId{};
  next.cause = state.hand_over ? state.hand_over->cause : Cause::crash;
  decision.note(NoteLevel::warn, "resigns from epoch " + std::to_string(next.epoch.value) +
                                     (next.preferred.empty() ? "" : " in favour of " + next.preferred.name));
  start_swap(state, decision, SwapPurpose::resign, std::move(next));
}

bool is_taking_over(const State& state) {
  return state.has_won() && !state.has_opened && state.now - state.won_at < state.timers().promote;
}

bool is_crashed_holder(const State& state) {
  return state.is_holder() && state.record()->state == RecordState::normal && state.facts.run == PostgresRun::stopped &&
         !state.is_crash_unclean && !state.is_crash_damped() && !is_taking_over(state) && state.is_predecessor_over() &&
         state.best_successor() && is_store_free(state);
}

bool is_sick(const State& state) {
  return state.is_serving() && !state.hand_over && !state.is_paused() && state.facts.run == PostgresRun::primary &&
         state.facts.write_probe_age >= state.timers().sick && state.best_successor();
}

bool is_slow_taker(const State& state) {
  return state.has_won() && !state.has_opened && !state.hand_over && state.record()->state == RecordState::normal &&
         state.now - state.opening_since >= state.timers().promote && state.best_successor() &&
         state.facts.run != PostgresRun::stopped;
}

/// A planned switchover moves clients that reach the other host and not this one. Not within a minute of the last.
constexpr auto service_patience = std::chrono::seconds(2);
constexpr auto service_damping = std::chrono::minutes(1);

std::optional<NodeId> service_successor(const State& state) {
  const auto best = state.best_successor();
  if (!best) return std::nullopt;
  const auto& peer = state.peers.at(*best);
  const bool sees_most = is_majority(peer.beat.service_reachable, peer.beat.service_total);
  return sees_most && state.now - peer.service_since >= service_patience ? best : std::nullopt;
}

/// Managers and balancers are the voters of most sites: a holder that reaches none of them could stop, but not resign.
bool has_read_since(const State& state, TimePoint moment) {
  return state.store_read_at && *state.store_read_at >= moment;
}

bool is_cut_from_clients(const State& state) {
  return state.is_serving() && !state.hand_over && !state.is_stopping && !state.is_paused() &&
         state.is_service_poor() && state.now - state.service.since >= service_patience &&
         has_read_since(state, state.service.since) && state.take_overs(Cause::service, service_damping) == 0 &&
         service_successor(state);
}

/// A gate that could not be shut ends by itself: until then whoever resigns with PostgreSQL running could still serve.
/// Whether it was shut is known in the step after the one that asked for it.
bool may_gate_be_open(const State& state) {
  const bool is_up = state.facts.run == PostgresRun::primary || state.facts.run == PostgresRun::starting;
  return is_up && (state.now < state.gate_failed_until || state.now == state.shut_asked);
}

bool is_server_up(const State& state) {
  return state.facts.run == PostgresRun::primary || state.facts.run == PostgresRun::standby;
}

bool is_stop_started(const State& state) {
  const auto busy = state.slots.find(Slot::postgres);
  return busy != state.slots.end() && (std::holds_alternative<action::StopPostgres>(busy->second.kind) ||
                                       std::holds_alternative<action::KillPostgres>(busy->second.kind));
}

constexpr Rule table[] = {
    {"stop_asked", "stop", "the agent must end while it serves and a standby can take over", "hand over first", true,
     [](const State& s) {
       return s.is_stopping && s.is_serving() && !s.is_paused() && !s.hand_over && s.best_successor().has_value();
     },
     [](State& s, Decision& d) {
       d.note(NoteLevel::info, "the agent stops: hands over first");
       s.hand_over = HandOver{*s.best_successor(), HandOverStage::stop, s.now, Cause::stop};
       s.add.reset();
     }},
    {"resign_sick", "R9", "the write probe was not answered for T_sick and a standby is ready", "shut the gate, resign",
     false, is_sick,
     [](State& s, Decision& d) {
       d.note(NoteLevel::error, "the disk does not answer writes: this primary resigns");
       stop_serving(s, d);
       s.hand_over = HandOver{NodeId{}, HandOverStage::resign, s.now, Cause::sick};
     }},
    {"resign_slow", "R1", "took over but did not open within T_promote and a standby is ready",
     "kill PostgreSQL, resign", false, is_slow_taker,
     [](State& s, Decision& d) {
       d.note(NoteLevel::error, "the take-over did not finish within T_promote: resigns");
       stop_serving(s, d);
       d.preempt(action::KillPostgres{});
       s.hand_over = HandOver{NodeId{}, HandOverStage::resign, s.now, Cause::slow};
     }},
    {"yield_service", "switchover",
     "serving, reaches fewer than half of the service-side targets for 2 s but etcd, a successor reaches more than "
     "half for 2 s, none of this in the last minute",
     "hand over to it as planned", true, is_cut_from_clients,
     [](State& s, Decision& d) {
       d.note(NoteLevel::error, "clients do not reach this host: hands over to " + service_successor(s)->name);
       s.hand_over = HandOver{*service_successor(s), HandOverStage::checkpoint, s.now, Cause::service};
       s.add.reset();
     }},
    {"hand_over_checkpoint", "switchover", "a switchover was asked", "checkpoint first, still serving", true,
     [](const State& s) { return is_stage(s, HandOverStage::checkpoint) && !s.is_busy(Slot::postgres); },
     [](State&, Decision& d) { d.start(action::Checkpoint{}); }},
    {"hand_over_stop", "switchover", "the checkpoint is done",
     "refuse new connections, stop PostgreSQL fast within T_stop, sessions still reachable", false,
     [](const State& s) { return is_stage(s, HandOverStage::stop) && !is_stop_started(s) && is_server_up(s); },
     stop_primary},
    {"hand_over_resign", "switchover", "PostgreSQL stopped or shut away",
     "swap the record to resigned, preferring the target", false,
     [](const State& s) {
       return is_stage(s, HandOverStage::resign) && !may_gate_be_open(s) && is_store_free(s) && s.may_retry_store();
     },
     resign},
    {"resign_crashed", "R9", "this holder's PostgreSQL ended and a member is ready",
     "resign, so that it takes over at once", false,
     [](const State& s) { return is_crashed_holder(s) && s.may_retry_store(); }, resign},
    {"stop_postgres", "stop", "the agent must end, PostgreSQL runs", "shut the gate, stop it", false,
     [](const State& s) { return s.is_stopping && !s.hand_over && is_server_up(s) && !is_stop_started(s); },
     [](State& s, Decision& d) {
       stop_serving(s, d);
       d.preempt(action::StopPostgres{s.timers().stop});
     }},
    {"stopping", "stop", "the agent must end", "start nothing any more", false,
     [](const State& s) { return s.is_stopping && !s.is_serving(); }, [](State&, Decision&) {}},
};

}  // namespace

std::span<const Rule> hand_over() { return table; }

}  // namespace gemel::core::rules
