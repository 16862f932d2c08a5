#include "core/controller.h"

#include <algorithm>

#include "base/check.h"
#include "core/apply.h"
#include "core/policy.h"

namespace gemel::core {
namespace {

/// Nothing is under way and nothing is waited for.
bool is_at_rest(const State& state) {
  const bool is_in_place = state.is_serving() || state.facts.is_receiving;
  return is_in_place && state.slots.empty() && !state.pending && !state.hand_over && !state.add;
}

/// The longest time between two steps that are not due for another reason.
Duration turn_of(const State& state) { return is_at_rest(state) ? state.timers().hb * 5 / 2 : state.timers().hb; }

/// R6: a node that stood still cannot tell for how long it did not hear; it counts anew. A stall of the loop alone
/// hides nothing that was heard: the heartbeat thread keeps it (ADR 0017).
void restart_count_after_stall(State& state) {
  if (!state.last_step || state.now - *state.last_step > 4 * state.timers().hb) {
    state.count_start = std::max(state.count_start, state.now);
    // R11 counts awake time only.
    if (state.pause && state.last_step) state.pause->known = state.pause->known + (state.now - *state.last_step);
  }
  state.last_step = state.now;
}

/// Lets the table decide until a rule that does not `go_on` matched.
void decide(std::span<const Rule> policy, State& state, Output& output) {
  Decision decision(state, output);
  std::string_view last;
  for (const Rule& rule : policy) {
    if (!rule.matches(state)) continue;
    decision.set_rule(rule.id);
    rule.decide(state, decision);
    output.rules.push_back(rule.id);
    last = rule.id;
    if (!rule.go_on) break;
  }
  GEMEL_CHECK(!last.empty());  // "wait" always matches
  state.last_rule = last;
}

Beat beat_of(const State& state) {
  Beat beat;
  beat.epoch = state.highest_epoch();
  // Of a record below an epoch that etcd lost nothing is said: who serves by it hears of that epoch and asks, too.
  if (const Record* record = state.record(); record != nullptr && !state.has_lost_epoch()) {
    beat.epoch = record->epoch;
    beat.holder = record->holder;
    beat.state = record->state;
  }
  beat.revision = state.revision();
  beat.run = state.facts.run;
  beat.timeline = state.facts.timeline;
  beat.wal_end = state.facts.wal_end;
  beat.is_receiving = state.facts.is_receiving;
  if (state.has_service_view()) {
    beat.service_reachable = state.service.reachable;
    beat.service_total = state.service.total;
  }
  return beat;
}

void say(State& state, Output& output) {
  // Before the epoch this directory served is known, a word could confirm the heartbeats of a lower one (R6).
  if (state.facts.run == PostgresRun::unknown && !state.said) return;
  const Beat beat = beat_of(state);
  if (state.said == beat) return;
  state.said = beat;
  output.start.push_back({ActionId{state.next_action++}, action::Say{beat}});
}

TimePoint next_wake(const State& state) {
  TimePoint wake = state.now + turn_of(state);
  const auto consider = [&](TimePoint point) {
    if (point > state.now) wake = std::min(wake, point);
  };
  consider(state.permit_until());
  consider(state.count_start + state.timers().grace);
  consider(state.gate_failed_until);
  if (state.shut_asked == state.now && state.hand_over) wake = std::min(wake, state.now + std::chrono::milliseconds(1));
  consider(state.store_retry_at);
  consider(state.read_retry_at);
  consider(state.postgres_retry_at);
  for (const auto& [node, peer] : state.peers) {
    if (peer.confirmed) consider(*peer.confirmed + state.timers().suspect);
    consider(peer.heard_at + state.timers().suspect);
  }
  return wake;
}

}  // namespace

Output Controller::step(const Input& input) {
  State& state = state_;
  Output output;
  state.now = std::max(state.now, input.now);
  restart_count_after_stall(state);
  apply(state, input.event, output);
  // A decision may make the next one possible at once (a removal that shrinks the names); two rounds are enough for
  // every pair in the table, and a bound keeps the step total.
  const std::size_t before = output.start.size();
  decide(policy_, state, output);
  if (output.start.size() != before) decide(policy_, state, output);
  say(state, output);
  output.wake_at = next_wake(state);
  return output;
}

}  // namespace gemel::core
