// The list, by rule of the protocol. A mutant edits what enters or leaves a controller, or the table it decides by;
// the product's code is the same in all of them.
#include "sim/mutants.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "core/apply.h"
#include "core/rules.h"
#include "sim/mutant_tools.h"

namespace gemel::sim {
namespace {

using core::Certainty;
using core::Decision;
using core::Input;
using core::Output;
using core::PostgresRun;
using core::Rule;
using core::State;
using core::SwapPurpose;
using std::chrono::milliseconds;
using std::chrono::seconds;

// ---- tools ----

const Rule& original(std::string_view id) {
  const auto rule = std::ranges::find(core::policy_table(), id, &Rule::id);
  GEMEL_CHECK(rule != core::policy_table().end());
  return *rule;
}

Table without(std::string_view id) {
  (void)original(id);
  Table table(core::policy_table().begin(), core::policy_table().end());
  std::erase_if(table, [&](const Rule& rule) { return rule.id == id; });
  return table;
}

/// Another condition or another decision for one rule; null: as it was.
Table with(std::string_view id, bool (*matches)(const State&), void (*decide)(State&, Decision&),
           Table table = {core::policy_table().begin(), core::policy_table().end()}) {
  const auto rule = std::ranges::find(table, id, &Rule::id);
  GEMEL_CHECK(rule != table.end());
  if (matches != nullptr) rule->matches = matches;
  if (decide != nullptr) rule->decide = decide;
  return table;
}

core::Record* believed_record(State& state) { return state.store.record ? &state.store.record->record : nullptr; }

/// The compare-and-swap that this event ends, or null.
const core::action::SwapRecord* ended_swap(const core::event::ActionEnded* ended, const State& state) {
  const auto slot = state.slots.find(core::Slot::store);
  if (ended == nullptr || slot == state.slots.end() || slot->second.id != ended->id) return nullptr;
  return std::get_if<core::action::SwapRecord>(&slot->second.kind);
}

void pretend_done(core::event::ActionEnded& ended, const core::action::SwapRecord& swap) {
  ended.certainty = Certainty::done;
  ended.payload = core::payload::Swapped{Revision{swap.expected.value + 1}};
}

template <typename Kind>
void edit_actions(Output& output, void (*edit)(Kind&)) {
  for (auto& action : output.start) {
    if (auto* found = std::get_if<Kind>(&action.kind)) edit(*found);
  }
}

NodeSet others_in(const core::Record& record, const NodeId& self) {
  NodeSet others = record.members;
  others.erase(self);
  return others;
}

// ---- R1, R4: taking over and claiming ----

void believe_to_be_a_member(State& state, Decision& /*decision*/) {
  auto* record = believed_record(state);
  if (record != nullptr && state.facts.run == PostgresRun::standby) record->members.insert(state.self);
}

void believe_the_cut(State& state, Decision& /*decision*/) {
  if (!state.has_won() || state.promoted != state.record()->epoch || state.is_cut) return;
  believed_record(state)->members = {state.self};
  state.is_cut = true;
}

void claim_without_asking(State& state, Decision& /*decision*/) {
  const core::VersionedRecord seen = *state.store.record;
  core::swap_succeeded(state, {SwapPurpose::claim, seen.revision, seen.record, {}}, seen.revision);
}

void keep_the_epoch(State& state, Decision& /*decision*/) {
  const bool is_down = state.facts.run == PostgresRun::stopped || state.facts.run == PostgresRun::standby;
  if (!state.is_holder() || state.has_won() || !is_down || state.record()->state != core::RecordState::normal) return;
  if (state.facts.served != state.record()->epoch) return;
  state.won = state.record()->epoch;
  state.won_at = state.now;
  state.has_opened = false;
}

// ---- R2, R3: membership ----

void relax_and_remove(State& state, Decision& decision) {
  original("remove_member").decide(state, decision);
  if (!core::rules::is_postgres_free(state)) return;
  decision.start(core::action::SetNames{others_in(state.pending->swap.next, state.self), false});
}

bool keeps_relaxed_names(const State& state) {
  const bool is_removing = state.pending && state.pending->swap.purpose == SwapPurpose::remove;
  return !is_removing && original("set_names").matches(state);
}

bool may_add_at_once(const State& state) {
  return original("add_member").matches(state) && core::rules::is_store_free(state) && state.may_retry_store();
}

void add_at_once(State& state, Decision& decision) {
  original("add_member").decide(state, decision);
  core::Record next = core::rules::next_record(state);
  next.members.insert(state.add->node);
  core::rules::start_swap(state, decision, SwapPurpose::add, std::move(next));
}

// ---- R5: the permit ----

void let_all_confirm(State& state, Decision& /*decision*/) {
  for (auto& [node, peer] : state.peers) peer.confirmed = state.now;
}

void let_one_confirm_for_all(State& state, Decision& /*decision*/) {
  std::optional<TimePoint> newest;
  for (const auto& [node, peer] : state.peers) newest = std::max(newest, peer.confirmed);
  for (auto& [node, peer] : state.peers) peer.confirmed = newest;
}

void let_the_added_confirm(State& state, Decision& /*decision*/) {
  if (!state.pending || state.pending->swap.purpose != SwapPurpose::add) return;
  for (const auto& node : state.pending->swap.next.members) {
    if (!state.is_member(node)) state.peers[node].confirmed = state.now;
  }
}

// ---- R6, R7: the promise, and giving away ----

void bid_without_quiesce(State& state, Decision& /*decision*/) { state.is_quiesced = true; }

void resign_while_serving(State& state, Decision& /*decision*/) {
  state.hand_over->stage = core::HandOverStage::resign;
}

void resign_sick_while_serving(State& state, Decision& /*decision*/) {
  state.hand_over = core::HandOver{NodeId{}, core::HandOverStage::resign, state.now};
}

// ---- R10: coming back ----

bool is_behind(const State& state) {
  return !state.is_holder() && state.facts.run == PostgresRun::stopped && state.is_diverged();
}

void forget_divergence(State& state, Decision& /*decision*/) {
  if (!is_behind(state)) return;
  state.facts.served = Epoch{};
  state.must_rewind = false;
}

void leave_s_in_mind(State& state, Decision& /*decision*/) {
  if (is_behind(state)) believed_record(state)->members.erase(state.self);
}

/// The member's rules as they were before a standby waited for the cut, and looked at its timeline.
bool follows_at_once(const State& state) {
  return state.record() != nullptr && !state.is_holder() && state.facts.run == PostgresRun::standby &&
         state.facts.upstream != state.record()->holder && !state.is_diverged() && core::rules::is_postgres_free(state);
}

bool follows_as_it_is(const State& state) {
  if (state.record() == nullptr) return false;
  const auto* entry = state.history_of(state.record()->epoch);
  const bool is_settled = state.record()->members.size() == 1 || (entry != nullptr && entry->complete);
  return is_settled && !state.is_holder() && state.facts.run == PostgresRun::standby &&
         state.facts.upstream != state.record()->holder && core::rules::is_postgres_free(state);
}

/// As if the taker were ready as soon as it is primary.
void complete_the_history(State& state, Decision& decision) {
  leave_s_in_mind(state, decision);
  state.confirmed = state.revision();
  if (!is_behind(state)) return;
  const auto entry = std::ranges::find(state.store.history, state.record()->epoch, &core::HistoryEntry::epoch);
  if (entry != state.store.history.end()) entry->complete = true;
}

void believe_the_claimed_cut(State& state, Decision& /*decision*/) {
  if (state.has_won() && state.promoted == state.record()->epoch && state.fork == std::nullopt) state.is_cut = true;
}

void forget_the_count(State& state, Decision& /*decision*/) {
  if (state.is_holder() && state.facts.served < state.record()->epoch) state.count_start = TimePoint{};
}

bool has_no_data_to_rewind(const State& state) { return original("clone").matches(state) && !is_behind(state); }

void believe_the_checkpoint(State& state, Decision& /*decision*/) { state.is_checkpointed = true; }

void mark_in_mind(State& state, Decision& /*decision*/) { state.facts.served = state.record()->epoch; }

void remember_the_mark(State& state, Decision& /*decision*/) {
  if (state.has_won() && state.promoted == state.record()->epoch) state.facts.served = state.promoted;
}

/// As PostgreSQL numbers them by itself. What R10 says beside the numbers is judged with this.
void count_timelines_on(Output& output, const State& /*state*/) {
  edit_actions<core::action::Promote>(output, [](auto& promote) { promote.timeline = 0; });
}

// ---- the lists ----

std::vector<Mutation> taking_mutants() {
  return {
      {.name = "bids_outside_s",
       .what = "R1: a standby that is not in S takes itself for a member",
       .policy = believing(believe_to_be_a_member)},
      {.name = "epoch_not_raised",
       .what = "R1: a take-over keeps the epoch",
       .after =
           [](Output& output, const State&) {
             edit_actions<core::action::SwapRecord>(output, [](auto& swap) {
               if (swap.purpose == SwapPurpose::bid) --swap.next.epoch.value;
             });
           }},
      {.name = "lost_bid_is_won",
       .what = "R1: a bid that the store refused counts as won",
       .before =
           [](Input& input, const State& state) {
             auto* ended = std::get_if<core::event::ActionEnded>(&input.event);
             const auto* swap = ended_swap(ended, state);
             if (swap != nullptr && swap->purpose == SwapPurpose::bid && ended->certainty == Certainty::refused)
               pretend_done(*ended, *swap);
           }},
      {.name = "names_empty_at_start",
       .what = "R1, R4: a promotion starts without synchronous standbys",
       .after =
           [](Output& output, const State&) {
             edit_actions<core::action::Promote>(output, [](auto& promote) { promote.names.clear(); });
           }},
      {.name = "opens_before_cut",
       .what = "R1, R2: a taker opens as if S were cut already",
       .policy = believing(believe_the_cut)},
      {.name = "no_claim_at_restart",
       .what = "R4: an agent that restarts beside its primary believes what it reads",
       .policy = with("claim", nullptr, claim_without_asking)},
      {.name = "claim_counts_as_cut",
       .what = "R4: an agent that restarts half-way through its take-over takes S for cut",
       .policy = believing(believe_the_claimed_cut)},
      {.name = "restart_keeps_epoch",
       .what = "R4: PostgreSQL is promoted again in the epoch it had before its crash",
       .policy = believing(keep_the_epoch)},
      {.name = "late_bid_counts",
       .what = "R6: a bid of an earlier run that arrived late is taken up at once",
       .policy = believing(forget_the_count)},
      {.name = "old_epoch_on_actuators",
       .what = "I7: the gate and the address are driven with the epoch before",
       .after =
           [](Output& output, const State&) {
             edit_actions<core::action::RefreshGate>(output, [](auto& refresh) { --refresh.epoch.value; });
             edit_actions<core::action::TakeAddress>(output, [](auto& take) { --take.epoch.value; });
           }},
  };
}

std::vector<Mutation> membership_mutants() {
  return {
      {.name = "relax_first",
       .what = "R2: the names shrink when the removal is sent, not when it is answered",
       .policy = with("set_names", keeps_relaxed_names, nullptr, with("remove_member", nullptr, relax_and_remove))},
      {.name = "relax_on_stale_read",
       .what = "R2, R8: a stale read of the record is believed",
       .before =
           [](Input& input, const State& state) {
             auto* ended = std::get_if<core::event::ActionEnded>(&input.event);
             auto* view = ended != nullptr ? std::get_if<core::StoreView>(&ended->payload) : nullptr;
             if (view != nullptr && view->record)
               view->record->revision = std::max(view->record->revision, state.revision());
           }},
      {.name = "no_barrier",
       .what = "R3: the names grow without the barrier",
       .after =
           [](Output& output, const State&) {
             edit_actions<core::action::SetNames>(output, [](auto& names) { names.with_barrier = false; });
           }},
      {.name = "add_before_catch_up",
       .what = "R3: a standby is added before it has flushed the mark",
       .before =
           [](Input& input, const State&) {
             auto* ended = std::get_if<core::event::ActionEnded>(&input.event);
             if (ended != nullptr && std::holds_alternative<core::payload::Mark>(ended->payload))
               ended->payload = core::payload::Mark{Lsn{}};
           }},
      {.name = "add_before_names",
       .what = "R3: S grows before the names do",
       .policy = with("add_member", may_add_at_once, add_at_once)},
      {.name = "never_adds", .what = "R3: a standby that streams is never added", .policy = without("add_member")},
      {.name = "never_removes",
       .what = "R2: a member that is silent is never removed",
       .policy = without("remove_member")},
      {.name = "never_cuts", .what = "R2: a taker does not cut S", .policy = without("cut_members")},
  };
}

std::vector<Mutation> permit_mutants() {
  return {
      {.name = "hearing_is_enough",
       .what = "R5: whoever is heard counts as having confirmed",
       .before =
           [](Input& input, const State&) {
             if (auto* heard = std::get_if<core::Heard>(&input.event)) heard->confirmed = input.now;
           }},
      {.name = "answer_time_counts",
       .what = "R5: the lease begins when the confirmation arrives",
       .before =
           [](Input& input, const State&) {
             auto* heard = std::get_if<core::Heard>(&input.event);
             if (heard != nullptr && heard->confirmed) heard->confirmed = input.now;
           }},
      {.name = "one_confirms_for_all",
       .what = "R5: one member's confirmation is enough",
       .policy = believing(let_one_confirm_for_all)},
      {.name = "no_permit",
       .what = "R5: the holder serves without any confirmation",
       .policy = believing(let_all_confirm)},
      {.name = "add_in_flight_needs_no_permit",
       .what = "R3, R5: a member being added need not confirm",
       .policy = believing(let_the_added_confirm)},
      {.name = "gate_outlives_permit",
       .what = "R5: the gate's time-out is 2 s behind the permit's end",
       .after =
           [](Output& output, const State&) {
             edit_actions<core::action::RefreshGate>(output,
                                                     [](auto& refresh) { refresh.until = refresh.until + seconds(2); });
           }},
      {.name = "gate_stays_draining",
       .what = "ADR 0015: a new primary lets nobody in who has no session",
       .after =
           [](Output& output, const State&) {
             edit_actions<core::action::RefreshGate>(output, [](auto& refresh) { refresh.admits_new = false; });
           }},
      {.name = "lease_too_long",
       .what = "3.4: the lease is as long as the grace period",
       .config = [](core::Config& config) { config.timers.lease = config.timers.grace; }},
      {.name = "grace_too_short",
       .what = "3.4: the grace period is no longer than the lease",
       .config = [](core::Config& config) { config.timers.grace = config.timers.lease; }},
  };
}

std::vector<Mutation> promise_mutants() {
  return {
      {.name = "no_quiesce",
       .what = "R6: heartbeats are still confirmed while a bid is on its way",
       .policy = with("quiesce", nullptr, bid_without_quiesce)},
      {.name = "quiesce_answer_ignored",
       .what = "R6: nobody looks when the last confirmation left",
       .before =
           [](Input& input, const State&) {
             auto* ended = std::get_if<core::event::ActionEnded>(&input.event);
             if (ended != nullptr && std::holds_alternative<core::payload::LastConfirmation>(ended->payload))
               ended->payload = core::payload::LastConfirmation{TimePoint{}};
           }},
      {.name = "promise_forgotten",
       .what = "R6: no confirmation restarts the count",
       .before =
           [](Input& input, const State&) {
             if (auto* heard = std::get_if<core::Heard>(&input.event)) heard->last_confirmation = TimePoint{};
             auto* ended = std::get_if<core::event::ActionEnded>(&input.event);
             if (ended != nullptr && std::holds_alternative<core::payload::LastConfirmation>(ended->payload))
               ended->payload = core::payload::LastConfirmation{TimePoint{}};
           }},
      {.name = "stays_quiet",
       .what = "R6: heartbeats are not confirmed again after a bid",
       .policy = without("resume_heartbeat")},
      {.name = "resigns_while_serving",
       .what = "R7: a switchover resigns before the gate is shut",
       .policy = with("hand_over_stop", nullptr, resign_while_serving)},
      {.name = "sick_resigns_while_serving",
       .what = "R7, R9: a sick disk resigns before the gate is shut",
       .policy = with("resign_sick", nullptr, resign_sick_while_serving)},
      {.name = "gate_left_to_its_time_out",
       .what = "R9: the gate is never shut, it runs out",
       .after =
           [](Output& output, const State&) {
             std::erase_if(output.start, [](const core::Action& action) {
               return std::holds_alternative<core::action::ShutGate>(action.kind);
             });
           }},
      {.name = "no_fence", .what = "R9: a deposed primary goes on running", .policy = without("fence")},
      {.name = "crash_not_cleaned_up",
       .what = "R9: nobody cleans up after a crash of PostgreSQL",
       .policy = without("clean_up_crash")},
  };
}

std::vector<Mutation> unknown_mutants() {
  return {
      {.name = "unknown_is_done",
       .what = "R8: a transaction without an answer counts as done",
       .before =
           [](Input& input, const State& state) {
             auto* ended = std::get_if<core::event::ActionEnded>(&input.event);
             const auto* swap = ended_swap(ended, state);
             if (swap != nullptr && ended->certainty == Certainty::unknown) pretend_done(*ended, *swap);
           }},
      {.name = "unknown_is_refused",
       .what = "R8: a transaction without an answer counts as refused",
       .before =
           [](Input& input, const State& state) {
             auto* ended = std::get_if<core::event::ActionEnded>(&input.event);
             if (ended_swap(ended, state) != nullptr && ended->certainty == Certainty::unknown)
               ended->certainty = Certainty::refused;
           }},
      {.name = "unknown_stays_unknown",
       .what = "R8: an unknown outcome is never resolved",
       .policy = without("resolve_unknown")},
      {.name = "older_record_ignored",
       .what = "R8: an older record than the one that is known counts as a stale answer for ever",
       .policy = without("confirm_record")},
      {.name = "never_reads", .what = "R8: the record is not read again", .policy = without("read_store")},
  };
}

std::vector<Mutation> return_mutants() {
  return {
      {.name = "rejoins_without_rewind",
       .what = "R10: a directory of an epoch left behind is started as it is",
       .policy = believing(forget_divergence)},
      {.name = "rewinds_in_s",
       .what = "R10: a member is rewound or copied before S was cut",
       .policy = believing(complete_the_history)},
      {.name = "timeline_number_trusted",
       .what = "R10: a rewind believes the timeline number whatever the history says",
       .policy = with("clone", has_no_data_to_rewind, nullptr),
       .after = count_timelines_on},
      {.name = "history_before_checkpoint",
       .what = "R10: the history is complete before the promoted server checkpointed",
       .policy = believing(believe_the_checkpoint)},
      {.name = "epoch_not_marked",
       .what = "R10: the epoch served is not written down",
       .policy = believing(remember_the_mark, with("mark_epoch", nullptr, mark_in_mind)),
       .after = count_timelines_on},
      {.name = "numbers_count_on",
       .what = "R10: a timeline has the number after the one before, whatever the epoch",
       .after = count_timelines_on},
      {.name = "follows_before_cut",
       .what = "R10: a standby follows a taker that has not cut S",
       .policy = with("follow", follows_at_once, nullptr, without("stop_other_fork")),
       .after = count_timelines_on},
      {.name = "follows_diverged",
       .what = "R10: a running standby with WAL of an epoch left behind follows as it is",
       .policy = with("follow", follows_as_it_is, nullptr, without("stop_diverged")),
       .after = count_timelines_on},
      {.name = "other_fork_ignored",
       .what = "R10: a standby with the timeline number of a holder it never received from follows it",
       .policy = without("stop_other_fork"),
       .after = count_timelines_on},
  };
}

}  // namespace

const std::vector<Mutation>& mutants() {
  static const std::vector<Mutation> list = [] {
    std::vector<Mutation> all = taking_mutants();
    for (auto* more :
         {&membership_mutants, &permit_mutants, &promise_mutants, &unknown_mutants, &return_mutants, &people_mutants}) {
      for (auto& mutation : more()) all.push_back(std::move(mutation));
    }
    return all;
  }();
  return list;
}

// Generous against the seed at which each was found first, so that a change of the worlds' order of random numbers is
// no failure; a mutant that needs far more is to be looked at. Two forks of three hosts with one number are rare.
std::uint64_t seeds_for(const Mutation& mutation) { return mutation.name == "numbers_count_on" ? 20'000 : 4000; }

}  // namespace gemel::sim
