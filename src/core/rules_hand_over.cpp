// Giving the service away on purpose: switchover, resignation after a crash or with a sick disk, stop of the agent.
#include "core/rules.h"

namespace gemel::core::rules {
namespace {

bool is_stage(const State& state, HandOverStage stage) { return state.hand_over && state.hand_over->stage == stage; }

/// Behind an open gate: a server that ends tells its clients so, and they look for the next one at once. Nobody may bid
/// before the record is resigned, and that comes after the gate is shut (shut_stopped).
void stop_primary(State& state, Decision& decision) {
  decision.note(NoteLevel::info, "hand-over to " +
                                     (state.hand_over->to.empty() ? "any standby" : state.hand_over->to.name) +
                                     ": PostgreSQL stops");
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
  decision.note(NoteLevel::warn, "resigns from epoch " + std::to_string(next.epoch.value) +
                                     (next.preferred.empty() ? "" : " in favour of " + next.preferred.name));
  start_swap(state, decision, SwapPurpose::resign, std::move(next));
}

bool is_taking_over(const State& state) {
  return state.has_won() && !state.has_opened && state.now - state.won_at < state.timers().promote;
}

bool is_crashed_holder(const State& state) {
  return state.is_holder() && state.record()->state == RecordState::normal && state.facts.run == PostgresRun::stopped &&
         !state.is_crash_unclean && !is_taking_over(state) && state.best_successor() && is_store_free(state);
}

bool is_sick(const State& state) {
  return state.is_serving() && !state.hand_over && state.facts.run == PostgresRun::primary &&
         state.facts.write_probe_age >= state.timers().sick && state.best_successor();
}

bool is_slow_taker(const State& state) {
  return state.has_won() && !state.has_opened && !state.hand_over && state.record()->state == RecordState::normal &&
         state.now - state.won_at >= state.timers().promote && state.best_successor() &&
         state.facts.run != PostgresRun::stopped;
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
     [](const State& s) { return s.is_stopping && s.is_serving() && !s.hand_over && s.best_successor().has_value(); },
     [](State& s, Decision& d) {
       d.note(NoteLevel::info, "the agent stops: hands over first");
       s.hand_over = HandOver{*s.best_successor(), HandOverStage::stop, s.now};
       s.add.reset();
     }},
    {"resign_sick", "R9", "the write probe was not answered for T_sick and a standby is ready", "shut the gate, resign",
     false, is_sick,
     [](State& s, Decision& d) {
       d.note(NoteLevel::error, "the disk does not answer writes: this primary resigns");
       stop_serving(s, d);
       s.hand_over = HandOver{NodeId{}, HandOverStage::resign, s.now};
     }},
    {"resign_slow", "R1", "took over but did not open within T_promote and a standby is ready",
     "kill PostgreSQL, resign", false, is_slow_taker,
     [](State& s, Decision& d) {
       d.note(NoteLevel::error, "the take-over did not finish within T_promote: resigns");
       stop_serving(s, d);
       d.preempt(action::KillPostgres{});
       s.hand_over = HandOver{NodeId{}, HandOverStage::resign, s.now};
     }},
    {"hand_over_checkpoint", "switchover", "a switchover was asked", "checkpoint first, still serving", true,
     [](const State& s) { return is_stage(s, HandOverStage::checkpoint) && !s.is_busy(Slot::postgres); },
     [](State&, Decision& d) { d.start(action::Checkpoint{}); }},
    {"hand_over_stop", "switchover", "the checkpoint is done", "stop PostgreSQL fast within T_stop, still reachable",
     false, [](const State& s) { return is_stage(s, HandOverStage::stop) && !is_stop_started(s) && is_server_up(s); },
     stop_primary},
    {"hand_over_resign", "switchover", "PostgreSQL stopped or shut away",
     "swap the record to resigned, preferring the target", false,
     [](const State& s) { return is_stage(s, HandOverStage::resign) && is_store_free(s) && s.may_retry_store(); },
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
