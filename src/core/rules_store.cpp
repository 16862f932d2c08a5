// Knowing the record: unknown outcomes (R8), reading, and the creation of the very first one.
#include <chrono>

#include "core/rules.h"

namespace gemel::core::rules {
namespace {

// A read every so often even without a hint: a watch may be silent (failure mode 38).
constexpr auto read_interval = std::chrono::seconds(2);
// While the holder is silent a take-over may depend on what was written last, and nobody else hints at it.
constexpr auto anxious_interval = std::chrono::milliseconds(100);

// Completing the history of an epoch changes no revision of the record: a host that waits for it must look.
constexpr auto waiting_interval = std::chrono::milliseconds(250);

bool is_holder_silent(const State& state) {
  return state.record() != nullptr && !state.is_holder() && !state.is_heard(state.record()->holder);
}

bool awaits_history(const State& state) {
  if (state.record() == nullptr || state.is_holder()) return false;
  // A member waits for it only before it follows.
  if (state.is_member(state.self) && state.facts.upstream == state.record()->holder) return false;
  const HistoryEntry* entry = state.history_of(state.record()->epoch);
  return entry == nullptr || !entry->complete;
}

Duration read_interval_of(const State& state) {
  if (is_holder_silent(state)) return anxious_interval;
  return awaits_history(state) ? Duration{waiting_interval} : Duration{read_interval};
}

bool wants_read(const State& state) {
  if (state.is_busy(Slot::store) || state.pending || state.now < state.read_retry_at) return false;
  return !state.is_store_known || !state.store_read_at || state.hinted > state.revision() ||
         state.now - *state.store_read_at >= read_interval_of(state);
}

// Reads have been stale for shorter. The holder does not wait: it serves.
constexpr auto stale_limit = std::chrono::seconds(3);

bool is_record_in_doubt(const State& state) {
  if (state.hand_over || state.record() == nullptr) return false;
  if (state.is_ahead_of_record() && !state.has_lost_epoch() &&
      state.now - std::max(state.heard_since, state.record_since) >= stale_limit)
    return true;
  if (!state.older_since) return false;
  const bool is_leading = state.has_won() && state.promoted == state.record()->epoch;
  return is_leading || state.now - *state.older_since >= stale_limit;
}

bool is_virgin(const State& state) {
  return state.is_store_known && state.record() == nullptr && state.facts.served.value == 0;
}

bool may_bootstrap(const State& state) {
  return is_virgin(state) && state.self == state.config.bootstrapper && !state.is_stopping &&
         (state.facts.run == PostgresRun::absent || state.facts.bootstrap_pending);
}

void create_record(State& state, Decision& decision) {
  Record first = next_record(state);
  first.epoch = Epoch{1};
  first.holder = state.self;
  first.members = {state.self};
  first.system_id = state.facts.system_id;
  decision.note(NoteLevel::info, "creates the site's record: epoch 1, holder " + state.self.name);
  start_swap(state, decision, SwapPurpose::create, std::move(first),
             HistoryEntry{Epoch{1}, state.self, false, 0, {}, Cause::first});
}

void resolve(State& state, Decision& decision) {
  // The same transaction with the same token again: if the first one took effect, the answer shows our own token.
  state.pending->is_in_flight = true;
  decision.start(state.pending->swap);
}

constexpr Rule table[] = {
    {"resolve_unknown", "R8", "a transaction has an unknown outcome", "send the same one again: its token tells", true,
     [](const State& s) {
       return s.pending && !s.pending->is_in_flight && !s.is_busy(Slot::store) && s.may_retry_store();
     },
     resolve},
    {"read_store", "R8", "the record is not known, a hint speaks of a newer one, or 2 s passed", "read it", true,
     wants_read, [](State&, Decision& d) { d.start(action::ReadStore{}); }},
    {"confirm_record", "R8",
     "etcd shows an older record than the one that is known: at once if this is its holder, after 3 s of that if not; "
     "or no record for 3 s of an epoch that somebody spoke of",
     "write it again without a change: a refusal that shows an older one is proof, and so is a success below that "
     "epoch",
     true, [](const State& s) { return is_record_in_doubt(s) && is_store_free(s) && s.may_retry_store(); },
     [](State& s, Decision& d) { start_swap(s, d, SwapPurpose::confirm, next_record(s)); }},
    {"observe", "start", "PostgreSQL was not observed yet, or etcd has not answered yet", "wait", false,
     [](const State& s) { return s.facts.run == PostgresRun::unknown || !s.is_store_known; }, [](State&, Decision&) {}},
    {"bootstrap_intent", "bootstrap", "no record, no data, and this is the first database host",
     "claim the intent to create it", false,
     [](const State& s) { return may_bootstrap(s) && !s.owns_bootstrap && is_store_free(s) && s.may_retry_store(); },
     [](State& s, Decision& d) {
       d.note(NoteLevel::info, "no record and no data: claims the intent to create the database");
       d.preempt(action::ClaimIntent{"bootstrap"});
       (void)s;
     }},
    {"bootstrap_init", "bootstrap", "the intent is ours", "initialise the database", false,
     [](const State& s) {
       return may_bootstrap(s) && s.owns_bootstrap && s.facts.run == PostgresRun::absent && is_postgres_free(s);
     },
     [](State&, Decision& d) {
       d.note(NoteLevel::info, "initialises the database");
       d.start(action::Bootstrap{});
     }},
    {"bootstrap_create", "bootstrap", "the database is initialised", "create the record with epoch 1 and S = {self}",
     false,
     [](const State& s) {
       return may_bootstrap(s) && s.owns_bootstrap && s.facts.run == PostgresRun::stopped &&
              !s.facts.system_id.empty() && is_store_free(s) && s.may_retry_store();
     },
     create_record},
    {"wait_for_record", "bootstrap", "no record yet", "wait for the first database host", false,
     [](const State& s) { return s.record() == nullptr; }, [](State&, Decision&) {}},
};

}  // namespace

std::span<const Rule> store() { return table; }

bool is_store_free(const State& state) {
  if (state.pending) return false;
  const auto busy = state.slots.find(Slot::store);
  return busy == state.slots.end() || std::holds_alternative<action::ReadStore>(busy->second.kind);
}

bool is_postgres_free(const State& state) { return !state.is_busy(Slot::postgres) && state.may_retry_postgres(); }

Record next_record(State& state) {
  Record next = state.record() != nullptr ? *state.record() : Record{};
  next.cluster_id = state.config.cluster_id;
  next.min_copies = state.config.min_copies;
  next.writer = state.self;
  next.token = state.self.name + "-" + std::to_string(state.random.next()) + "-" + std::to_string(state.next_action);
  return next;
}

void start_swap(State& state, Decision& decision, SwapPurpose purpose, Record next,
                std::optional<HistoryEntry> history) {
  action::SwapRecord swap{purpose, state.revision(), std::move(next), std::move(history)};
  state.pending = PendingSwap{swap, true, state.now};
  decision.preempt(std::move(swap));
}

}  // namespace gemel::core::rules
