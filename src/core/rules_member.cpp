// Everybody else: follow the holder, and come back after having been left behind (R10).
#include <algorithm>
#include <chrono>

#include "core/rules.h"

namespace gemel::core::rules {
namespace {

// A standby that has not received for so long while its holder is well is looked at again.
constexpr auto stuck_limit = std::chrono::seconds(3);
// ... and for so long: the holder no longer has the WAL it needs. Long, because a clone destroys a copy.
constexpr auto hopeless_limit = std::chrono::seconds(30);

const NodeId& holder_of(const State& state) { return state.record()->holder; }

bool is_holder_primary(const State& state) {
  const auto& holder = holder_of(state);
  if (!state.is_heard(holder)) return false;
  const auto& beat = state.peers.at(holder).beat;
  return beat.run == PostgresRun::primary && beat.epoch == state.record()->epoch;
}

/// Rewinding and cloning need a source that is primary of this epoch and has checkpointed since (finding 4), and that
/// knows no newer record than this host: in that one this host may be in S.
bool is_source_ready(const State& state) {
  const HistoryEntry* entry = state.history_of(state.record()->epoch);
  return is_holder_primary(state) && entry != nullptr && entry->complete &&
         state.peers.at(holder_of(state)).beat.revision <= state.revision();
}

bool is_out(const State& state) {
  return state.record() != nullptr && !state.is_holder() && !state.is_member(state.self);
}

/// Of a stopped directory with WAL of an epoch left behind.
bool wants_rewind(const State& state) {
  return state.is_diverged() && state.facts.run == PostgresRun::stopped && state.is_directory_seen;
}

bool has_no_data(const State& state) {
  return state.facts.run == PostgresRun::absent || state.facts.run == PostgresRun::ruined ||
         (state.facts.run == PostgresRun::stopped &&
          (state.must_clone || (state.is_diverged() && is_source_ready(state) && !state.is_rewind_trusted())));
}

/// Nothing is in the way of replacing the directory but, perhaps, an add that is on its way.
bool may_replace(const State& state) {
  return is_out(state) && (has_no_data(state) || wants_rewind(state)) && is_source_ready(state) &&
         is_postgres_free(state);
}

/// R10: an add that was on its way is void since this run wrote the record again; the next one waits for a flush of
/// this very server, which does not run.
bool is_surely_out(const State& state) { return state.confirmed == state.revision(); }

bool is_stuck(const State& state, Duration limit) {
  return is_out(state) && state.facts.run == PostgresRun::standby && !state.facts.is_receiving &&
         is_source_ready(state) && state.now - state.not_receiving_since >= limit && is_postgres_free(state);
}

/// Any fork on the way to the present epoch may be the one it missed: the holder may have been promoted twice since.
bool is_beyond_fork(const State& state) {
  if (!is_stuck(state, stuck_limit)) return false;
  if (state.history_of(state.record()->epoch)->timeline <= state.facts.timeline) return false;
  return std::ranges::any_of(state.store.history, [&](const HistoryEntry& entry) {
    return entry.complete && entry.timeline > state.facts.timeline && entry.switch_lsn.value != 0 &&
           state.facts.wal_end > entry.switch_lsn;
  });
}

/// Whoever receives from a holder that has not cut S yet may get a timeline that nobody will ever know of: the next
/// taker gives the same number to a fork of its own.
bool is_holder_settled(const State& state) {
  const HistoryEntry* entry = state.history_of(state.record()->epoch);
  return state.record()->members.size() == 1 || (entry != nullptr && entry->complete);
}

/// Its timeline's number is higher than the holder's, or the same although it never received from this holder: of a
/// fork that was lost, or that somebody made by hand. PostgreSQL refuses the first for ever.
bool is_on_other_fork(const State& state) {
  if (!is_out(state) || state.facts.run != PostgresRun::standby || !is_holder_primary(state)) return false;
  const auto timeline = state.peers.at(holder_of(state)).beat.timeline;
  if (state.facts.upstream != holder_of(state)) return timeline <= state.facts.timeline;
  return timeline < state.facts.timeline && is_source_ready(state);
}

/// Must be copied anew, and will be as soon as the holder has cut S. Without a holder it may be the best copy there is.
bool is_copy_awaited(const State& state) { return state.must_clone && is_holder_primary(state); }

/// It runs because there was no holder; the one that there is now must not send to it: the number of its timeline may
/// be given a second time.
bool runs_instead_of_copy(const State& state) {
  return is_out(state) && state.facts.run == PostgresRun::standby && is_copy_awaited(state);
}

/// What it is now, not what it was before this loop stood still: a server receives without being told to.
bool is_seen_lately(const State& state) { return state.now - state.facts_at <= std::chrono::seconds(1); }

bool is_following(const State& state) { return state.record() != nullptr && !state.is_holder(); }

constexpr Rule table[] = {
    {"paused", "R11", "the site is paused", "observe only: start, stop, rewind and copy nothing", false,
     [](const State& s) { return s.is_paused(); },
     [](State& s, Decision& d) {
       if (s.facts.run != PostgresRun::standby)
         d.note(NoteLevel::error, "PostgreSQL does not run here and the site is paused: it is started after the pause");
     }},
    {"member_without_data", "R10", "in S, but the data directory is gone", "wait to be removed from S, then clone",
     false,
     [](const State& s) {
       return s.is_member(s.self) && (s.facts.run == PostgresRun::absent || s.facts.run == PostgresRun::ruined);
     },
     [](State&, Decision& d) {
       d.note(NoteLevel::error, "this member's data directory is gone or unfinished: it cannot take over");
     }},
    {"wait_to_be_cut", "R10", "has WAL of an epoch left behind, or of a fork of its own, but is still in S",
     "touch nothing until the holder cut S", false,
     [](const State& s) {
       return is_following(s) && s.is_member(s.self) && (s.is_diverged() || is_copy_awaited(s)) &&
              s.facts.run == PostgresRun::stopped;
     },
     [](State&, Decision&) {}},
    {"confirm_out", "R10", "may rewind or copy, but an add of this host may be on its way",
     "write the record again without a change: whatever is on its way comes too late", false,
     [](const State& s) { return may_replace(s) && !is_surely_out(s) && is_store_free(s) && s.may_retry_store(); },
     [](State& s, Decision& d) { start_swap(s, d, SwapPurpose::confirm, next_record(s)); }},
    {"clone", "R10", "no usable data, surely not in S, the holder can be copied", "copy the holder", false,
     [](const State& s) { return may_replace(s) && has_no_data(s) && is_surely_out(s); },
     [](State& s, Decision& d) {
       d.note(NoteLevel::info, "copies the database of " + holder_of(s).name);
       d.start(action::Clone{holder_of(s)});
     }},
    {"rewind", "R10", "has WAL of an epoch left behind, surely not in S, the holder has checkpointed",
     "rewind to the holder", false, [](const State& s) { return may_replace(s) && is_surely_out(s); },
     [](State& s, Decision& d) {
       d.note(NoteLevel::info,
              "rewinds to " + holder_of(s).name + " (epoch " + std::to_string(s.record()->epoch.value) + ")");
       d.start(action::Rewind{holder_of(s)});
     }},
    {"wait_for_source", "R10", "needs a rewind or a copy, the holder is not ready for it", "wait", false,
     [](const State& s) {
       return is_out(s) && ((s.is_diverged() && s.facts.run == PostgresRun::stopped) || has_no_data(s));
     },
     [](State&, Decision&) {}},
    {"stop_beyond_fork", "R10", "a standby does not receive and has WAL beyond the fork", "stop it, then rewind", false,
     is_beyond_fork,
     [](State& s, Decision& d) {
       d.note(NoteLevel::warn, "this standby has WAL beyond the fork of the present epoch: it is stopped and rewound");
       s.must_rewind = true;
       d.start(action::KillPostgres{});
     }},
    {"stop_hopeless", "R10", "a standby has not received for 30 s although the holder is well",
     "stop it, then copy the holder anew", false, [](const State& s) { return is_stuck(s, hopeless_limit); },
     [](State& s, Decision& d) {
       d.note(NoteLevel::error,
              "this standby cannot follow any more (the WAL it needs is gone, or port 5432 is cut): it is copied anew");
       s.must_clone = true;
       d.start(action::KillPostgres{});
     }},
    {"stop_diverged", "R10", "a standby has WAL of an epoch left behind and is not in S",
     "stop it, then rewind or copy", false,
     [](const State& s) {
       return is_out(s) && s.facts.run == PostgresRun::standby && s.is_diverged() && is_postgres_free(s);
     },
     [](State&, Decision& d) {
       d.note(NoteLevel::warn, "this standby has WAL of an epoch that was left behind: it is stopped and rewound");
       d.start(action::KillPostgres{});
     }},
    {"stop_other_fork", "R10",
     "a standby has a timeline number above the holder's, or a holder's it never received from",
     "stop it, then copy the holder", false,
     [](const State& s) { return (is_on_other_fork(s) || runs_instead_of_copy(s)) && is_postgres_free(s); },
     [](State& s, Decision& d) {
       d.note(NoteLevel::warn, "this standby is on another fork of timeline " + std::to_string(s.facts.timeline) +
                                   ": it is stopped and copied anew");
       s.must_clone = true;
       d.start(action::KillPostgres{});
     }},
    {"start_standby", "follow", "PostgreSQL is stopped and may follow",
     "start it as a standby of the holder; of nobody before the holder cut S, or when it is to be copied", false,
     [](const State& s) {
       return is_following(s) && s.facts.run == PostgresRun::stopped && !s.is_diverged() && is_postgres_free(s);
     },
     [](State& s, Decision& d) {
       NodeSet others = s.config.databases;
       others.erase(s.self);
       d.start(action::StartPostgres{is_holder_settled(s) && !s.must_clone ? holder_of(s) : NodeId{}, others});
     }},
    {"follow", "follow", "the standby follows somebody else than the holder, who serves and has cut S",
     "point it at the holder", false,
     [](const State& s) {
       return is_following(s) && s.facts.run == PostgresRun::standby && s.facts.upstream != holder_of(s) &&
              !s.is_diverged() && !s.must_clone && is_holder_settled(s) && is_holder_primary(s) && is_seen_lately(s) &&
              is_postgres_free(s);
     },
     [](State& s, Decision& d) {
       d.note(NoteLevel::info, "follows " + holder_of(s).name);
       d.start(action::Follow{holder_of(s)});
     }},
    {"stand_by", "follow", "a standby of the holder", "go on", false,
     [](const State& s) { return is_following(s) && s.facts.run == PostgresRun::standby; }, [](State&, Decision&) {}},
    {"wait", "wait", "nothing else applies", "wait for the next observation", false, [](const State&) { return true; },
     [](State&, Decision&) {}},
};

}  // namespace

std::span<const Rule> member() { return table; }

}  // namespace gemel::core::rules
