#include "core/apply.h"

#include <algorithm>
#include <chrono>

#include "core/wishes.h"

namespace gemel::core {
namespace {

using std::chrono::milliseconds;

// Retry of a failed PostgreSQL procedure: 200 ms, doubling to 30 s, so that a broken clone does not load the primary.
constexpr Duration first_backoff = milliseconds(200);
constexpr Duration longest_backoff = milliseconds(30'000);
// Retry of the store: short, because a failover may hang on it; with jitter, so that two bidders do not march in step.
constexpr auto store_backoff = milliseconds(50);

void back_off_postgres(State& state) {
  state.postgres_backoff = std::clamp(state.postgres_backoff * 2, first_backoff, longest_backoff);
  state.postgres_retry_at = state.now + state.postgres_backoff;
}

TimePoint store_retry(State& state) { return state.now + store_backoff + milliseconds(state.random.below(30)); }

Revision revision_in(const StoreView& view) { return view.record ? view.record->revision : Revision{}; }

void back_off_store(State& state) { state.store_retry_at = store_retry(state); }

/// What a run of PostgreSQL was good for ends with it: also its epoch, so that the next promotion must win another.
void forget_run(State& state) {
  state.won = Epoch{};
  state.names.reset();
  state.links.clear();
  state.promoted = Epoch{};
  state.opened = Epoch{};
  state.shut_since.reset();
  state.add.reset();
  state.is_directory_seen = false;
}

void apply_heard(State& state, const Heard& heard) {
  auto& peer = state.peers[heard.from];
  peer.heard_at = std::max(peer.heard_at, state.now - heard.age);
  if (heard.confirmed && (!peer.confirmed || *heard.confirmed > *peer.confirmed)) peer.confirmed = heard.confirmed;
  const auto sees_most = [](const Beat& beat) { return is_majority(beat.service_reachable, beat.service_total); };
  if (sees_most(heard.beat) && !sees_most(peer.beat)) peer.service_since = state.now;
  peer.beat = heard.beat;
  if (heard.beat.epoch > state.heard) {
    state.heard = heard.beat.epoch;
    state.heard_since = state.now;
  }
  state.count_start = std::max(state.count_start, heard.last_confirmation);
  state.hinted = std::max(state.hinted, heard.beat.revision);
}

void apply_service(State& state, const event::ServiceSeen& seen) {
  auto& service = state.service;
  const bool is_poor = is_minority(seen.reachable, seen.total);
  if (is_poor != state.is_service_poor() || !state.has_service_view()) service.since = state.now;
  service = {seen.reachable, seen.total, service.since, state.now};
}

/// How far behind in time: what was the end of the log at one observation is what a later one looks for.
void measure_lag(LinkState& link, Lsn wal_end, TimePoint now) {
  if (link.flush_lsn < std::min(link.target, wal_end)) return;
  link.caught_up = link.flush_lsn >= wal_end ? now : link.target_set;
  link.target = wal_end;
  link.target_set = now;
}

void update_links(State& state) {
  for (const auto& link : state.facts.standbys) {
    auto [known, is_new] =
        state.links.try_emplace(link.node, LinkState{state.now, link.is_streaming, link.flush_lsn, state.now,
                                                     state.facts.wal_end, state.now, std::nullopt});
    auto& entry = known->second;
    if (entry.is_streaming != link.is_streaming) {
      entry.is_streaming = link.is_streaming;
      entry.since = state.now;
    }
    if (is_new || link.flush_lsn > entry.flush_lsn || link.flush_lsn >= state.facts.wal_end)
      entry.progressed = state.now;
    entry.flush_lsn = link.flush_lsn;
    measure_lag(entry, state.facts.wal_end, state.now);
  }
  for (auto& [node, entry] : state.links) {
    const bool is_listed =
        std::ranges::any_of(state.facts.standbys, [&](const auto& link) { return link.node == node; });
    if (!is_listed && entry.is_streaming) {
      entry.is_streaming = false;
      entry.since = state.now;
    }
  }
}

bool is_running(PostgresRun run) { return run == PostgresRun::standby || run == PostgresRun::primary; }

// A standby that its primary refuses shows a stream for some milliseconds at each of its ten attempts a second, each of
// another process. Looks that meet such an attempt several times in a row must not make one stream of them.
constexpr auto lasting_stream = std::chrono::seconds(1);

void begin_stream_watch(State& state) {
  state.not_receiving_since = state.now;
  state.stream.reset();
}

void watch_stream(State& state) {
  if (state.facts.run != PostgresRun::standby) {
    begin_stream_watch(state);
  } else if (!state.facts.is_receiving) {
    state.stream.reset();
  } else {
    if (!state.stream || state.stream->receiver != state.facts.receiver)
      state.stream = Stream{state.facts.receiver, state.now};
    if (state.now - state.stream->since >= lasting_stream) state.not_receiving_since = state.now;
  }
}

void apply_facts(State& state, const PostgresFacts& facts) {
  // The server ended although nobody here ended it, and the notice of its exit was missed or is yet to come.
  if (is_running(state.facts.run) && !is_running(facts.run) && !state.is_busy(Slot::postgres))
    state.is_crash_unclean = true;
  // An agent that has just started does not know how long its standby has been without a stream: it counts from now.
  if (state.facts.run == PostgresRun::unknown) state.not_receiving_since = state.now;
  state.facts = facts;
  state.is_directory_seen = true;
  if (is_running(facts.run)) state.confirmed = Revision{};  // what runs can be added
  if (facts.is_answering) state.facts_at = state.now;
  if (facts.run == PostgresRun::primary) {
    // A server too busy to answer says nothing about its standbys; a dead disk is the write probe's business.
    if (facts.is_answering) update_links(state);
  } else if (facts.run != PostgresRun::starting) {
    state.links.clear();
  }
  watch_stream(state);
}

bool ends_server(const ActionKind& kind) {
  return std::holds_alternative<action::StopPostgres>(kind) || std::holds_alternative<action::KillPostgres>(kind) ||
         std::holds_alternative<action::Rewind>(kind) || std::holds_alternative<action::Clone>(kind) ||
         std::holds_alternative<action::Bootstrap>(kind);
}

void apply_exit(State& state) {
  const auto busy = state.slots.find(Slot::postgres);
  if (busy != state.slots.end() && ends_server(busy->second.kind)) return;
  state.is_crash_unclean = true;
  state.facts.run = PostgresRun::starting;
}

// ---- ends of actions ----

void end_swap(State& state, const action::SwapRecord& swap, const event::ActionEnded& ended) {
  if (ended.certainty == Certainty::done) {
    const auto* swapped = std::get_if<payload::Swapped>(&ended.payload);
    swap_succeeded(state, swap, swapped != nullptr ? swapped->revision : Revision{});
    return;
  }
  back_off_store(state);
  if (ended.certainty == Certainty::unknown) {
    if (state.pending) {
      state.pending->is_in_flight = false;
      state.pending->was_unknown = true;
    }
    return;
  }
  // Refused unseen (no space, too busy): that is true of this attempt, not of the one before it.
  if (!std::holds_alternative<StoreView>(ended.payload) && state.pending && state.pending->was_unknown) {
    state.pending->is_in_flight = false;
    return;
  }
  swap_failed(state, swap);
  if (const auto* view = std::get_if<StoreView>(&ended.payload)) {
    // A read may be stale, a transaction is not: what it compares with was there once, and revisions only grow.
    if (swap.expected.value != 0 && revision_in(*view) < swap.expected) state.has_lost_record = true;
    adopt(state, *view);
  } else {
    state.hinted = Revision{std::max(state.hinted.value, state.revision().value + 1)};
  }
}

void end_store(State& state, const ActionKind& kind, const event::ActionEnded& ended) {
  if (const auto* swap = std::get_if<action::SwapRecord>(&kind)) return end_swap(state, *swap, ended);
  if (ended.certainty != Certainty::done) {
    if (!std::holds_alternative<action::ReadStore>(kind)) return back_off_store(state);
    state.read_retry_at = store_retry(state);
    return;
  }
  if (std::holds_alternative<action::ReadStore>(kind)) {
    if (const auto* view = std::get_if<StoreView>(&ended.payload)) adopt(state, *view);
  } else if (std::holds_alternative<action::ClaimIntent>(kind)) {
    const auto* owner = std::get_if<payload::IntentOwner>(&ended.payload);
    state.owns_bootstrap = owner != nullptr && owner->owner == state.self.name;
    if (!state.owns_bootstrap) state.store_retry_at = state.now + std::chrono::seconds(1);
  } else if (const auto* complete = std::get_if<action::CompleteHistory>(&kind)) {
    const auto entry = std::ranges::find(state.store.history, complete->entry.epoch, &HistoryEntry::epoch);
    if (entry != state.store.history.end()) *entry = complete->entry;
  }
}

void end_server(State& state, const ActionKind& kind, bool is_done) {
  if (std::holds_alternative<action::KillPostgres>(kind)) state.has_kill_failed = !is_done;
  if (std::holds_alternative<action::Bootstrap>(kind)) {
    if (is_done) {
      state.facts.run = PostgresRun::unknown;  // the next observation tells the system identifier
    }
  } else if (std::holds_alternative<action::Rewind>(kind) || std::holds_alternative<action::Clone>(kind)) {
    state.facts.run = is_done ? PostgresRun::stopped : PostgresRun::unknown;
    if (is_done) {
      state.facts.served = Epoch{};
      state.facts.timeline = 0;  // those of the copy before; what this one has is seen at the next look
      state.facts.wal_end = Lsn{};
      state.must_rewind = state.must_clone = false;
    }
  } else if (is_done || std::holds_alternative<action::StopPostgres>(kind)) {
    // A stop that overran is finished by the kill that `is_crash_unclean` asks for.
    forget_run(state);
    state.facts.run = PostgresRun::stopped;
    state.is_crash_unclean = !is_done;
    if (state.hand_over) state.hand_over->stage = HandOverStage::resign;
  }
}

void end_names(State& state, const action::SetNames& set, bool is_done, const Payload& payload) {
  if (!is_done) {
    state.names.reset();
    return;
  }
  state.names = set.names;
  const auto* mark = std::get_if<payload::Mark>(&payload);
  if (state.add && set.with_barrier && set.names.contains(state.add->node) && mark != nullptr)
    state.add->mark = mark->lsn;
}

void end_promote(State& state, const action::Promote& promote, bool is_done, const Payload& payload) {
  if (!is_done) {
    state.is_crash_unclean = true;  // what it did is uncertain: end it, and win a new epoch
    state.won = Epoch{};
    return;
  }
  state.facts.run = PostgresRun::primary;
  state.promoted = state.won;
  state.names = promote.names;
  state.is_checkpointed = false;
  state.is_cut = false;
  if (const auto* promoted = std::get_if<payload::Promoted>(&payload)) {
    state.fork = *promoted;
    state.facts.timeline = promoted->timeline;
  }
}

void end_postgres(State& state, const ActionKind& kind, const event::ActionEnded& ended) {
  const bool is_done = ended.certainty == Certainty::done;
  if (is_done) {
    // Killing always works: it must not make the start that follows it, and fails again, look like the first.
    if (!std::holds_alternative<action::KillPostgres>(kind)) state.postgres_backoff = Duration::zero();
  } else {
    back_off_postgres(state);
  }
  if (ends_server(kind)) return end_server(state, kind, is_done);
  if (const auto* names = std::get_if<action::SetNames>(&kind)) return end_names(state, *names, is_done, ended.payload);
  if (const auto* promote = std::get_if<action::Promote>(&kind))
    return end_promote(state, *promote, is_done, ended.payload);
  if (const auto* start = std::get_if<action::StartPostgres>(&kind)) {
    state.is_crash_unclean = state.is_crash_unclean || !is_done;
    state.confirmed = Revision{};
    if (!is_done) return;
    state.facts.run = PostgresRun::standby;
    state.facts.upstream = start->upstream;
    state.facts.is_receiving = false;
    begin_stream_watch(state);
  } else if (const auto* follow = std::get_if<action::Follow>(&kind); follow != nullptr && is_done) {
    state.facts.upstream = follow->upstream;
    begin_stream_watch(state);
  } else if (const auto* mark = std::get_if<action::MarkServed>(&kind); mark != nullptr && is_done) {
    state.facts.served = mark->epoch;
  } else if (std::holds_alternative<action::Checkpoint>(kind)) {
    if (state.hand_over && state.hand_over->stage == HandOverStage::checkpoint)
      state.hand_over->stage = HandOverStage::stop;
    if (is_done) state.is_checkpointed = true;
  }
}

void apply_end(State& state, const event::ActionEnded& ended) {
  const auto slot = std::ranges::find_if(state.slots, [&](const auto& entry) { return entry.second.id == ended.id; });
  if (slot == state.slots.end()) return;  // cancelled meanwhile
  const ActionKind kind = slot->second.kind;
  const Slot where = slot->first;
  state.slots.erase(slot);
  switch (where) {
    case Slot::store:
      return end_store(state, kind, ended);
    case Slot::postgres:
      return end_postgres(state, kind, ended);
    case Slot::heartbeat:
      if (const auto* last = std::get_if<payload::LastConfirmation>(&ended.payload)) {
        state.is_quiesced = true;
        state.count_start = std::max(state.count_start, last->at);
      }
  }
}

// ---- what the record tells ----

void learn_epoch(State& state, Epoch epoch) {
  std::erase_if(state.learnt, [&](const auto& entry) { return state.now - entry.second > damping_window; });
  state.learnt.emplace(epoch, state.now);
}

/// A standby that is removed again and again is added again later and later.
void count_flaps(State& state, const NodeSet& remaining) {
  for (const auto& node : state.other_members()) {
    if (!remaining.contains(node)) state.count_flap(node);
  }
}

/// R11: since when this run knows of the present pause; leaving a pause starts the count of R6 anew.
void watch_record(State& state) {
  const Record* record = state.record();
  if (record == nullptr || record->state != RecordState::paused || !record->pause) {
    if (state.pause) state.count_start = std::max(state.count_start, state.now);
    state.pause.reset();
    state.wants_resume = false;
    return;
  }
  if (state.pause && state.pause->id == record->pause->id) return;
  state.pause = PauseWatch{record->pause->id, state.now, std::nullopt};
  state.wants_resume = false;
}

}  // namespace

void swap_succeeded(State& state, const action::SwapRecord& swap, Revision revision) {
  const TimePoint sent = state.pending ? state.pending->sent : state.now;
  if (swap.purpose == SwapPurpose::remove) count_flaps(state, swap.next.members);
  state.store.record = VersionedRecord{swap.next, revision};
  if (swap.history && state.history_of(swap.history->epoch) == nullptr) {
    state.store.history.push_back(*swap.history);
    learn_epoch(state, swap.history->epoch);
  }
  watch_record(state);
  state.hinted = std::max(state.hinted, revision);
  state.store_read_at = state.now;
  state.older_since.reset();
  state.has_lost_record = false;
  // Nobody speaks of an epoch before its record is written: one that was heard of before this transaction was sent, and
  // that it did not meet, is lost.
  if (state.is_ahead_of_record() && state.heard_since < sent) state.lost_epoch = state.heard;
  state.pending.reset();
  switch (swap.purpose) {
    case SwapPurpose::create:
    case SwapPurpose::bid:
    case SwapPurpose::claim:
    case SwapPurpose::force:
      state.won = swap.next.epoch;
      state.won_at = state.opening_since = state.now;
      state.has_opened = false;
      state.resigned_at.reset();
      state.fork.reset();
      if (swap.purpose == SwapPurpose::claim) {
        state.promoted = swap.next.epoch;
        // Only who had cut S opened and completed the history. Otherwise S may hold members that lack what became
        // visible here by the end of recovery (R4): it is cut first.
        const HistoryEntry* entry = state.history_of(swap.next.epoch);
        state.is_cut = entry != nullptr && entry->complete;
        state.is_checkpointed = false;
      }
      return;
    case SwapPurpose::add:
      state.add.reset();
      if (!state.has_opened) state.opening_since = state.now;  // until now it may have waited for this very copy
      return;
    case SwapPurpose::cut:
      state.is_cut = true;
      return;
    case SwapPurpose::pause:
      state.pause_wish.reset();
      if (state.pause) state.pause->sent = sent;
      return;
    case SwapPurpose::confirm:
      state.confirmed = revision;
      return;
    case SwapPurpose::remove:
    case SwapPurpose::resume:
      return;
    case SwapPurpose::resign:
      state.hand_over.reset();
      state.resigned_at = state.now;
      return;
  }
}

void swap_failed(State& state, const action::SwapRecord& swap) {
  state.pending.reset();
  if (swap.purpose == SwapPurpose::add) state.add.reset();
  if (swap.purpose == SwapPurpose::resign) state.hand_over.reset();
}

namespace {

/// The history entry of an epoch is made with it and stays for ever. The epoch that this run won has none: it was lost,
/// and the revision was counted up again by somebody else.
bool lacks_own_epoch(const State& state, const StoreView& view) {
  return state.has_won() && view.record->record.epoch == state.won &&
         std::ranges::find(view.history, state.won, &HistoryEntry::epoch) == view.history.end();
}

/// `was_known`: some view was known before, so that what is new in this one has just begun.
void take_view(State& state, const StoreView& view, bool was_known) {
  const Revision seen = revision_in(view);
  if (view.record && state.record() != nullptr) {
    const bool is_same = seen == state.revision();
    // What is at one revision never changes, unless etcd went back and counted the same number again.
    const bool is_known = is_same && view.record->record.token == state.record()->token;
    if (is_same) state.has_lost_record = !is_known;
    if (lacks_own_epoch(state, view)) state.has_lost_record = true;
    const bool is_older = seen < state.revision();
    if (!is_older) state.older_since.reset();
    if (is_older && !state.older_since) state.older_since = state.now;
    if (is_older || state.has_lost_record) return;
  }
  if (state.pending && !state.pending->is_in_flight && view.record) {
    const auto swap = state.pending->swap;
    if (view.record->record.token == swap.next.token) {
      swap_succeeded(state, swap, seen);
    } else if (seen > swap.expected) {
      swap_failed(state, swap);
    }
  }
  // R6: of a new epoch's holder nothing was confirmed yet; the count begins as if it just had been.
  if (view.record && (state.record() == nullptr || view.record->record.epoch > state.record()->epoch))
    state.count_start = state.now;
  const bool is_resigned = view.record && view.record->record.state == RecordState::resigned;
  if (!is_resigned) {
    state.resigned_at.reset();
  } else if (!state.resigned_at || seen > state.revision()) {
    state.resigned_at = state.now;
  }
  if (seen != state.revision()) state.record_since = state.now;
  // What was there at the first look began at an unknown time: it does not count.
  for (const auto& entry : view.history) {
    if (was_known && state.history_of(entry.epoch) == nullptr) learn_epoch(state, entry.epoch);
  }
  state.store = view;
  watch_record(state);
}

/// What a watch shows is as good as a read of the past: it may be acted on with a transaction that compares its
/// revision. Not by the holder, who believes its own answers only (R2), not beside a transaction of one's own, and only
/// within the epoch that is known, for the history comes with a read.
void apply_hint(State& state, const event::StoreHint& hint) {
  state.hinted = std::max(state.hinted, hint.revision);
  const Record* known = state.record();
  if (!hint.record || known == nullptr || hint.revision <= state.revision() || hint.record->epoch != known->epoch)
    return;
  if (state.is_holder() || state.pending) return;
  take_view(state, {VersionedRecord{*hint.record, hint.revision}, state.store.history}, true);
}

}  // namespace

void adopt(State& state, const StoreView& view) {
  const bool was_known = state.is_store_known;
  state.is_store_known = true;
  state.store_read_at = state.now;
  take_view(state, view, was_known);
}

void apply(State& state, const Event& event, Output& output) {
  if (const auto* heard = std::get_if<Heard>(&event)) {
    apply_heard(state, *heard);
  } else if (const auto* seen = std::get_if<event::PostgresSeen>(&event)) {
    apply_facts(state, seen->facts);
  } else if (std::holds_alternative<event::PostgresExited>(event)) {
    apply_exit(state);
  } else if (const auto* hint = std::get_if<event::StoreHint>(&event)) {
    apply_hint(state, *hint);
  } else if (std::holds_alternative<event::StopAsked>(event)) {
    state.is_stopping = true;
  } else if (const auto* asked = std::get_if<event::SwitchoverAsked>(&event)) {
    ask_switchover(state, *asked, output);
  } else if (const auto* pausing = std::get_if<event::PauseAsked>(&event)) {
    ask_pause(state, *pausing, output);
  } else if (const auto* resuming = std::get_if<event::ResumeAsked>(&event)) {
    ask_resume(state, *resuming, output);
  } else if (const auto* forcing = std::get_if<event::ForceAsked>(&event)) {
    ask_force(state, *forcing, output);
  } else if (const auto* service = std::get_if<event::ServiceSeen>(&event)) {
    apply_service(state, *service);
  } else if (const auto* failed = std::get_if<event::GateFailed>(&event)) {
    state.gate_failed_until = std::max(state.gate_failed_until, failed->until);
  } else if (const auto* ended = std::get_if<event::ActionEnded>(&event)) {
    apply_end(state, *ended);
  }
}

}  // namespace gemel::core
