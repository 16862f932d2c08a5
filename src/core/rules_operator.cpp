// What an operator asked for and the record must carry: the pause, its end, and taking over by force (R11 and the
// procedures of docs/adr/0006).
#include <algorithm>
#include <chrono>

#include "core/rules.h"

namespace gemel::core::rules {
namespace {

// A wish that could not be sent by then is dropped: nobody waits for it any more.
constexpr auto longest_wish = std::chrono::seconds(10);

bool may_change(const State& state) { return is_store_free(state) && state.may_retry_store(); }

void pause(State& state, Decision& decision) {
  const auto& asked = state.pause_wish->asked;
  Record next = next_record(state);
  next.state = RecordState::paused;
  next.pause = Pause{next.token, asked.by, asked.reason, asked.until, asked.length};
  decision.note(NoteLevel::warn, asked.by + " pauses the site: " + asked.reason);
  start_swap(state, decision, SwapPurpose::pause, std::move(next));
}

/// For the holder: its time is over. A run that did not send the pause itself counts from when it first saw it.
bool is_pause_over(const State& state) {
  if (!state.pause || !state.record()->pause) return false;
  return state.now >= state.pause->sent.value_or(state.pause->known) + state.record()->pause->length;
}

bool may_end_pause(const State& state) {
  if (!state.is_holder() || !state.is_paused() || !may_change(state)) return false;
  const bool is_permitted = !state.is_serving() || state.ordinary_permit_until() > state.now;
  return is_pause_over(state) || (state.wants_resume && is_permitted);
}

void end_pause(State& state, Decision& decision) {
  Record next = next_record(state);
  next.state = RecordState::normal;
  next.pause.reset();
  decision.note(NoteLevel::info, state.wants_resume ? "the pause is ended" : "the pause has run out");
  start_swap(state, decision, SwapPurpose::resume, std::move(next));
}

bool may_force(const State& state) {
  return state.force_wish && state.record() != nullptr && !state.is_member(state.self) && !state.is_stopping &&
         !state.is_busy(Slot::postgres) && state.force_wish->revision == state.revision() && may_change(state);
}

void force(State& state, Decision& decision) {
  Record next = next_record(state);
  // Also beyond what this directory served: etcd itself may have been restored from an older copy.
  next.epoch = Epoch{std::max(state.highest_epoch(), state.facts.served).value + 1};
  next.holder = state.self;
  next.members = {state.self};
  next.state = RecordState::normal;
  next.preferred = NodeId{};
  next.cause = Cause::none;
  next.pause.reset();
  decision.note(NoteLevel::error, state.force_wish->by + " takes over by force with what this host has: epoch " +
                                      std::to_string(next.epoch.value) +
                                      "; acknowledged writes that only other hosts hold are lost");
  state.force_wish.reset();
  const HistoryEntry entry{next.epoch, state.self, false, 0, {}, Cause::force};
  start_swap(state, decision, SwapPurpose::force, std::move(next), entry);
}

constexpr Rule table[] = {
    {"drop_wish", "pause", "an operator's wish is too old, or the record changed since", "forget it", true,
     [](const State& s) {
       return (s.pause_wish && s.now - s.pause_wish->since > longest_wish) ||
              (s.force_wish && s.force_wish->revision != s.revision());
     },
     [](State& s, Decision& d) {
       d.note(NoteLevel::warn, "an operator's wish could not be carried out in time: ask again");
       if (s.pause_wish && s.now - s.pause_wish->since > longest_wish) s.pause_wish.reset();
       if (s.force_wish && s.force_wish->revision != s.revision()) s.force_wish.reset();
     }},
    {"pause", "R11", "an operator asked for a pause", "swap the record to paused", true,
     [](const State& s) { return s.pause_wish && s.has_won() && s.is_serving() && !s.hand_over && may_change(s); },
     pause},
    {"end_pause", "R11", "the pause has run out, or its end was asked for and all members confirm heartbeats",
     "swap the record to normal", true, may_end_pause, end_pause},
    {"force", "force", "an operator states that all of S is fenced and wants this host to take over",
     "swap: epoch + 1, holder = self, S = {self}", false, may_force, force},
};

}  // namespace

std::span<const Rule> operators() { return table; }

}  // namespace gemel::core::rules
