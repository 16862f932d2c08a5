// A bench for tests of single rules: a state built by hand, one event, and what the table decides. The states that most
// tests begin with are here; no expectation is.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "core/apply.h"
#include "core/policy.h"

namespace gemel::core::testing {

inline const NodeId db1{"db1"};
inline const NodeId db2{"db2"};
inline constexpr Epoch epoch3{3};

constexpr Duration ms(int value) { return std::chrono::milliseconds(value); }

/// What one pass over the table gave.
struct Decided {
  Output output;
  std::vector<std::string> rules;  // that matched, in order

  [[nodiscard]] bool fired(std::string_view rule) const { return std::ranges::find(rules, rule) != rules.end(); }
  [[nodiscard]] const std::string& last() const { return rules.back(); }
  /// The first action of this kind, or null.
  template <typename Kind>
  [[nodiscard]] const Kind* find() const {
    for (const auto& action : output.start) {
      if (const auto* found = std::get_if<Kind>(&action.kind)) return found;
    }
    return nullptr;
  }
  [[nodiscard]] const action::SwapRecord* swap(SwapPurpose purpose) const {
    const auto* found = find<action::SwapRecord>();
    return found != nullptr && found->purpose == purpose ? found : nullptr;
  }
  /// Place of the first action of this kind in the output; -1 when there is none.
  template <typename Kind>
  [[nodiscard]] int place() const {
    for (std::size_t index = 0; index < output.start.size(); ++index) {
      if (std::holds_alternative<Kind>(output.start[index].kind)) return static_cast<int>(index);
    }
    return -1;
  }
};

/// One pass over the table, as the controller makes it.
inline Decided decide(State& state) {
  Decided decided;
  Decision decision(state, decided.output);
  for (const Rule& rule : policy_table()) {
    if (!rule.matches(state)) continue;
    decision.set_rule(rule.id);
    rule.decide(state, decision);
    decided.rules.emplace_back(rule.id);
    if (!rule.go_on) break;
  }
  state.last_rule = decided.rules.empty() ? "" : decided.rules.back();
  return decided;
}

inline Decided after(State& state, const Event& event) {
  Output output;
  apply(state, event, output);
  Decided decided = decide(state);
  decided.output.answers = output.answers;
  return decided;
}

/// Ends what the slot is doing.
inline Decided end(State& state, Slot slot, Certainty certainty, Payload payload = {}) {
  return after(state, event::ActionEnded{state.slots.at(slot).id, certainty, std::move(payload), "bench"});
}

/// PostgreSQL has stopped, and its directory was looked at.
inline Decided stop_and_look(State& state) {
  end(state, Slot::postgres, Certainty::done);
  PostgresFacts facts = state.facts;
  facts.is_receiving = false;
  return after(state, event::PostgresSeen{facts});
}

inline Config bench_config() {
  Config config;
  config.databases = {db1, db2};
  config.bootstrapper = db1;
  config.cluster_id = "site";
  return config;
}

inline StoreView record_of(const NodeId& holder, NodeSet members, std::int64_t revision = 10) {
  Record record;
  record.epoch = epoch3;
  record.holder = holder;
  record.members = std::move(members);
  record.system_id = "system";
  record.cluster_id = "site";
  record.writer = holder;
  record.token = "token-of-" + holder.name;
  return StoreView{VersionedRecord{record, Revision{revision}}, {HistoryEntry{epoch3, holder, true, 5, Lsn{100}}}};
}

/// `from` was heard just now and confirmed a heartbeat sent just now.
inline void hear(State& state, const NodeId& from, PostgresRun run) {
  auto& peer = state.peers[from];
  peer.heard_at = state.now;
  peer.confirmed = state.now;
  peer.beat.epoch = state.record() != nullptr ? state.record()->epoch : Epoch{};
  peer.beat.run = run;
  peer.beat.revision = state.revision();
  peer.beat.wal_end = Lsn{200};
  peer.beat.timeline = 5;
}

inline State blank(const NodeId& self) {
  State state(self, bench_config(), 1);
  state.now = TimePoint{std::chrono::minutes(10)};
  state.last_step = state.now;
  state.count_start = state.now;
  state.facts_at = state.not_receiving_since = state.now;
  return state;
}

inline State knowing(const NodeId& self, StoreView view) {
  State state = blank(self);
  state.is_store_known = true;
  state.store_read_at = state.now;
  state.store = std::move(view);
  state.hinted = state.revision();
  state.facts.system_id = "system";
  state.facts.timeline = 5;
  state.facts.wal_end = Lsn{200};
  state.may_hold_address = false;
  state.confirmed = state.revision();
  state.is_directory_seen = true;
  return state;
}

/// db2, a streaming standby of db1, which is primary of epoch 3; `members` is S.
inline State standby(NodeSet members = {db1, db2}) {
  State state = knowing(db2, record_of(db1, std::move(members)));
  state.facts.run = PostgresRun::standby;
  state.facts.upstream = db1;
  state.facts.is_receiving = true;
  hear(state, db1, PostgresRun::primary);
  return state;
}

/// db1, serving primary of epoch 3; `members` is S.
inline State primary(NodeSet members = {db1, db2}) {
  State state = knowing(db1, record_of(db1, std::move(members)));
  state.facts.run = PostgresRun::primary;
  state.facts.served = epoch3;
  state.facts.standbys = {{db2, true, Lsn{200}}};
  const TimePoint long_ago = state.now - std::chrono::minutes(1);
  state.links[db2] = LinkState{long_ago, true, Lsn{200}, state.now, Lsn{200}, state.now, state.now};
  state.won = state.promoted = state.opened = state.address_epoch = epoch3;
  state.won_at = long_ago;
  state.has_opened = state.is_cut = state.is_checkpointed = true;
  state.names = state.other_members();
  hear(state, db2, PostgresRun::standby);
  state.refreshed_until = state.permit_until();
  return state;
}

/// The record of a pause of 10 minutes that another run sent; `state` sees it now.
inline void pause_by_another(State& state) {
  StoreView view = state.store;
  view.record->record.state = RecordState::paused;
  view.record->record.pause = Pause{"pause-1", "ann", "new switch", "12:30", std::chrono::minutes(10)};
  ++view.record->revision.value;
  adopt(state, view);
}

/// db2 has just won epoch 4 while both are in S; nothing is done yet.
inline State taker() {
  StoreView view = record_of(db2, {db1, db2});
  view.record->record.epoch = Epoch{4};
  view.history.push_back(HistoryEntry{Epoch{4}, db2, false, 0, {}});
  State state = knowing(db2, view);
  state.facts.run = PostgresRun::standby;
  state.won = Epoch{4};
  state.won_at = state.opening_since = state.now;
  return state;
}

}  // namespace gemel::core::testing
