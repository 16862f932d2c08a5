// The node that the record names: from winning to opening (R1, R2, R4), keeping S true (R2, R3), finishing the history.
#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "core/rules.h"

namespace gemel::core::rules {
namespace {

// An add that is not through by then is abandoned: commits wait for its standby meanwhile.
constexpr auto add_limit = std::chrono::seconds(15);

bool is_promoted(const State& state) { return state.has_won() && state.promoted == state.record()->epoch; }

NodeSet desired_names(const State& state) {
  NodeSet names = state.other_members();
  if (state.add) names.insert(state.add->node);
  if (state.is_short_of_copies()) names.insert(no_copy);
  // An add whose outcome is unknown may be in force: its node stays in the list (R3).
  if (state.pending && state.pending->swap.purpose == SwapPurpose::add) {
    names.insert(state.pending->swap.next.members.begin(), state.pending->swap.next.members.end());
    names.erase(state.self);
  }
  return names;
}

/// Behind a shut gate only because of min_copies: what a serving holder does for its standbys goes on.
bool is_waiting_for_copy(const State& state) {
  return is_promoted(state) && state.is_cut && !state.hand_over && state.is_short_of_copies() &&
         state.facts.run == PostgresRun::primary && state.facts.served == state.record()->epoch;
}

bool is_leading(const State& state) { return state.is_serving() || is_waiting_for_copy(state); }

bool needs_names(const State& state) {
  return is_promoted(state) && !state.hand_over && state.names != desired_names(state) && is_postgres_free(state);
}

void set_names(State& state, Decision& decision) {
  const NodeSet names = desired_names(state);
  const bool is_growing = !state.names || !std::ranges::includes(*state.names, names);
  decision.start(action::SetNames{names, is_growing});
}

/// At least S - {self} is on the list. A longer one makes commits wait until it is shortened and endangers nothing
/// (I4), so the gate opens beside the shortening: clients connect meanwhile.
bool are_names_sufficient(const State& state) {
  return state.names && std::ranges::includes(*state.names, state.other_members());
}

bool may_open(const State& state) {
  return is_promoted(state) && !state.is_serving() && !state.hand_over && !state.is_stopping &&
         state.record()->state != RecordState::resigned && state.is_cut && !state.is_short_of_copies() &&
         are_names_sufficient(state) && state.facts.run == PostgresRun::primary &&
         state.facts.served == state.record()->epoch && state.permit_until() > state.now &&
         state.highest_epoch() <= state.record()->epoch;
}

void open(State& state, Decision& decision) {
  state.opened = state.record()->epoch;
  state.has_opened = true;
  state.address_epoch = state.opened;
  state.may_hold_address = false;
  decision.note(NoteLevel::info, "opens: primary of epoch " + std::to_string(state.opened.value) + ", members " +
                                     to_string(state.record()->members));
  set_gate(state, decision);
  decision.start(action::TakeAddress{state.opened});
}

/// Against the time of the last observation, not of now: a late observation is no proof of a dead link.
bool does_not_flush(const State& state, const LinkState& link) {
  // Twice: a busy disk may pause longer than a network.
  return state.facts_at - link.progressed >= 2 * state.timers().suspect;
}

/// Why the holder cannot keep `node` in S, or empty.
std::string_view trouble_with(const State& state, const NodeId& node) {
  const auto suspect = state.timers().suspect;
  const auto peer = state.peers.find(node);
  if (peer == state.peers.end() || !peer->second.confirmed)
    return state.now - state.won_at >= suspect ? "never heard" : "";
  if (state.now - *peer->second.confirmed >= suspect) return "confirms no heartbeat";
  const auto run = peer->second.beat.run;
  if (run == PostgresRun::stopped || run == PostgresRun::absent || run == PostgresRun::ruined)
    return "its PostgreSQL is down";
  const auto link = state.links.find(node);
  if (link == state.links.end()) return state.now - state.won_at >= 2 * suspect ? "does not stream" : "";
  if (!link->second.is_streaming && state.facts_at - link->second.since >= suspect) return "does not stream";
  if (does_not_flush(state, link->second)) return "does not flush";
  return "";
}

std::optional<NodeId> member_in_trouble(const State& state) {
  for (const auto& node : state.other_members()) {
    if (!trouble_with(state, node).empty()) return node;
  }
  return std::nullopt;
}

void remove_member(State& state, Decision& decision) {
  const NodeId node = *member_in_trouble(state);
  Record next = next_record(state);
  next.members.erase(node);
  decision.note(NoteLevel::warn,
                "removes " + node.name + " from the synchronous set: " + std::string(trouble_with(state, node)));
  start_swap(state, decision, SwapPurpose::remove, std::move(next));
}

bool is_streaming(const State& state, const NodeId& node) {
  const auto link = state.links.find(node);
  return link != state.links.end() && link->second.is_streaming;
}

/// Once the names hold it, every commit waits for it: so it must be no further behind than a member may be.
bool is_close(const State& state, const LinkState& link) {
  return link.caught_up && state.facts_at - *link.caught_up < 2 * state.timers().suspect;
}

/// Since when it streams and has not disappointed.
TimePoint well_since(const State& state, const NodeId& node) {
  const auto flap = state.flaps.find(node);
  const TimePoint streaming = state.links.at(node).since;
  return flap == state.flaps.end() ? streaming : std::max(streaming, flap->second.last);
}

std::optional<NodeId> candidate_to_add(const State& state) {
  if (state.other_members().size() >= state.config.sync_standbys) return std::nullopt;
  for (const auto& node : state.config.databases) {
    if (node == state.self || state.is_member(node) || !state.is_fresh(node) || !is_streaming(state, node)) continue;
    if (is_close(state, state.links.at(node)) && state.now - well_since(state, node) >= state.stable_time(node))
      return node;
  }
  return std::nullopt;
}

bool is_adding(const State& state) {
  return state.add && !(state.pending && state.pending->swap.purpose == SwapPurpose::add);
}

bool is_add_hopeless(const State& state) {
  if (!is_adding(state)) return false;
  const auto& node = state.add->node;
  return state.now - state.add->started >= add_limit || !state.is_fresh(node) || !is_streaming(state, node) ||
         does_not_flush(state, state.links.at(node));
}

bool is_add_ready(const State& state) {
  return is_adding(state) && state.add->mark && state.names == desired_names(state) &&
         is_streaming(state, state.add->node) && state.links.at(state.add->node).flush_lsn >= *state.add->mark &&
         is_store_free(state) && state.may_retry_store();
}

void swap_in_member(State& state, Decision& decision) {
  Record next = next_record(state);
  next.members.insert(state.add->node);
  decision.note(NoteLevel::info, "adds " + state.add->node.name +
                                     " to the synchronous set: it holds everything up to " +
                                     to_string(*state.add->mark));
  start_swap(state, decision, SwapPurpose::add, std::move(next));
}

bool needs_history(const State& state) {
  const HistoryEntry* entry = is_promoted(state) ? state.history_of(state.record()->epoch) : nullptr;
  return entry != nullptr && !entry->complete && is_leading(state) && state.is_checkpointed && is_store_free(state) &&
         state.may_retry_store();
}

void complete_history(State& state, Decision& decision) {
  const auto fork = state.fork.value_or(payload::Promoted{state.facts.timeline, Lsn{}});
  HistoryEntry entry = *state.history_of(state.record()->epoch);
  entry.complete = true;
  entry.timeline = fork.timeline;
  entry.switch_lsn = fork.switch_lsn;
  decision.preempt(action::CompleteHistory{std::move(entry)});
}

constexpr Rule table[] = {
    {"claim", "R4", "the record names us and our PostgreSQL still runs as its primary (the agent restarted)",
     "win the record again without a change, then believe its S", false,
     [](const State& s) {
       return s.is_holder() && !s.has_won() && s.facts.run == PostgresRun::primary &&
              s.facts.served == s.record()->epoch && s.record()->state != RecordState::resigned && is_store_free(s) &&
              s.may_retry_store();
     },
     [](State& s, Decision& d) {
       d.note(NoteLevel::info,
              "PostgreSQL still runs as primary of epoch " + std::to_string(s.record()->epoch.value) + ": claims it");
       start_swap(s, d, SwapPurpose::claim, next_record(s));
     }},
    {"mark_epoch", "R10", "won the epoch, not yet written down here", "write epoch.served before anything is promoted",
     false,
     [](const State& s) {
       return s.has_won() && s.facts.served < s.record()->epoch && is_postgres_free(s) &&
              (s.facts.run == PostgresRun::standby || s.facts.run == PostgresRun::stopped);
     },
     [](State& s, Decision& d) { d.start(action::MarkServed{s.record()->epoch}); }},
    {"start_closed", "R4", "won the epoch, PostgreSQL is stopped", "start it closed, as a standby of nobody", false,
     [](const State& s) { return s.has_won() && s.facts.run == PostgresRun::stopped && is_postgres_free(s); },
     [](State& s, Decision& d) { d.start(action::StartPostgres{NodeId{}, s.other_members()}); }},
    {"promote", "R1", "won the epoch, PostgreSQL is a standby", "shut the gate, promote it with names = S - {self}",
     false,
     [](const State& s) {
       return s.has_won() && s.facts.run == PostgresRun::standby && s.facts.served == s.record()->epoch &&
              is_postgres_free(s);
     },
     [](State& s, Decision& d) {
       d.note(NoteLevel::info, "promotes PostgreSQL for epoch " + std::to_string(s.record()->epoch.value));
       // The agent before this one may have left it open a moment ago, for a run of PostgreSQL that has ended since.
       d.start(action::ShutGate{});
       d.start(action::Promote{s.other_members()});
     }},
    {"cut_members", "R2", "promoted, S still has other members", "cut S to the holder before anything opens", false,
     [](const State& s) {
       return is_promoted(s) && !s.is_cut && s.record()->members.size() > 1 && is_store_free(s) && s.may_retry_store();
     },
     [](State& s, Decision& d) {
       Record next = next_record(s);
       next.members = {s.self};
       start_swap(s, d, SwapPurpose::cut, std::move(next));
     }},
    {"nothing_to_cut", "R2", "promoted, S is the holder alone", "nothing to cut", true,
     [](const State& s) { return is_promoted(s) && !s.is_cut && s.record()->members.size() == 1; },
     [](State& s, Decision&) { s.is_cut = true; }},
    {"remove_member", "R2", "serving, a member is silent or does not flush",
     "swap S without it; only then relax the names", true,
     [](const State& s) {
       return is_promoted(s) && s.is_cut && !s.hand_over && member_in_trouble(s) && is_store_free(s) &&
              s.may_retry_store();
     },
     remove_member},
    {"abandon_add", "R3", "the standby being added went away or does not flush, or 15 s passed",
     "take it off the names again", true, is_add_hopeless,
     [](State& s, Decision& d) {
       d.note(NoteLevel::warn, "gives up adding " + s.add->node.name);
       s.count_flap(s.add->node);
       s.add.reset();
     }},
    {"set_names", "R3", "the names in effect are not S - {self} plus the standby being added",
     "set them; with the barrier if they grow", true, [](const State& s) { return needs_names(s) && s.is_cut; },
     set_names},
    {"open", "R4", "promoted, S is cut, names hold at least the rest of S, permit valid",
     "open the gate, take the address", true, may_open, open},
    {"checkpoint", "R10", "serving, not yet checkpointed after the promotion",
     "checkpoint, so that the new timeline can be rewound to", true,
     [](const State& s) {
       return is_leading(s) && !s.is_checkpointed && !s.hand_over && is_promoted(s) && is_postgres_free(s);
     },
     [](State&, Decision& d) { d.start(action::Checkpoint{}); }},
    {"complete_history", "R10", "checkpointed, the history of this epoch is incomplete",
     "write timeline and switch position", true, needs_history, complete_history},
    {"add_member", "R3", "a standby streams for T_stable, keeps up and is not in S",
     "put it on the names, with the barrier", true,
     [](const State& s) {
       return is_leading(s) && !s.add && !s.pending && !s.hand_over && !s.is_stopping && s.is_checkpointed &&
              s.names == desired_names(s) && candidate_to_add(s);
     },
     [](State& s, Decision& d) {
       s.add = AddProcedure{*candidate_to_add(s), s.now, std::nullopt};
       d.note(NoteLevel::info, "begins to add " + s.add->node.name);
     }},
    {"swap_in_member", "R3", "the standby being added has flushed the mark and is fresh", "swap S with it", true,
     is_add_ready, swap_in_member},
    {"serve", "R5", "serving", "go on", false, [](const State& s) { return s.is_serving(); }, [](State&, Decision&) {}},
    {"wait_for_copy", "R5", "promoted, but S has fewer members than min_copies",
     "serve nobody until a standby is added", false, is_waiting_for_copy,
     [](State& s, Decision& d) {
       d.note(NoteLevel::error, "waiting for a second copy: " + to_string(s.record()->members) + " of " +
                                    std::to_string(s.config.min_copies) + " copies");
     }},
    {"take_over", "R1", "won, on the way to opening", "wait for the step in progress", false,
     [](const State& s) { return s.has_won() && s.record()->state == RecordState::normal; }, [](State&, Decision&) {}},
};

}  // namespace

std::span<const Rule> holder() { return table; }

}  // namespace gemel::core::rules
