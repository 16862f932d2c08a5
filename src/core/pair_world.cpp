#include "core/pair_world.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "base/text.h"

namespace gemel::core::testing {
namespace {

using std::chrono::milliseconds;
using namespace core::action;

std::size_t common_prefix(const std::vector<int>& a, const std::vector<int>& b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

PairWorld::PairWorld() {
  for (const char* name : {"db1", "db2"}) {
    hosts_[NodeId{name}];
    boot(NodeId{name});
  }
  after(milliseconds(1), [this] { every_millisecond(); });
}

void PairWorld::after(Duration delay, std::function<void()> what) {
  queue_.push({now_ + delay, order_++, std::move(what)});
}

void PairWorld::run_for(Duration time) {
  const TimePoint end = now_ + time;
  while (!queue_.empty() && queue_.top().at <= end) {
    const Later next = queue_.top();
    queue_.pop();
    now_ = next.at;
    next.what();
    check();
  }
  now_ = end;
}

bool PairWorld::run_until(const std::function<bool()>& holds, Duration limit) {
  const TimePoint end = now_ + limit;
  while (!holds()) {
    if (now_ >= end) return false;
    run_for(milliseconds(1));
  }
  return true;
}

void PairWorld::boot(const NodeId& node) {
  Host& host = hosts_[node];
  Config config;
  config.databases = {NodeId{"db1"}, NodeId{"db2"}};
  config.bootstrapper = NodeId{"db1"};
  config.cluster_id = "pair";
  ++host.incarnation;
  host.controller = std::make_unique<Controller>(node, config, order_ + 7);
  host.beat.reset();
  host.lowest = Epoch{};
  host.is_quiesced = false;
  host.last_confirmation = now_;
  host.to_confirm.clear();
  const auto incarnation = host.incarnation;
  const std::function<void()> look = [this, node, incarnation] {
    if (hosts_[node].incarnation == incarnation) observe(node);
  };
  after(milliseconds(2), look);
}

void PairWorld::observe(const NodeId& node) {
  Host& host = hosts_[node];
  const auto incarnation = host.incarnation;
  if (!host.controller->state().is_busy(Slot::postgres)) feed(node, event::PostgresSeen{facts(host)});
  after(milliseconds(20), [this, node, incarnation] {
    if (hosts_[node].incarnation == incarnation) observe(node);
  });
}

PostgresFacts PairWorld::facts(const Host& host) const {
  PostgresFacts facts;
  facts.run = host.run;
  facts.system_id = host.has_data ? "system" : "";
  facts.timeline = host.timeline;
  facts.wal_end = Lsn{host.log.size() + 1};
  facts.upstream = host.upstream;
  facts.served = host.served;
  facts.bootstrap_pending = host.bootstrap_pending;
  if (host.run == PostgresRun::primary) {
    for (const auto& [node, count] : host.flushed) facts.standbys.push_back({node, true, Lsn{count + 1}});
  } else if (host.run == PostgresRun::standby && hosts_.contains(host.upstream)) {
    facts.is_receiving =
        hosts_.at(host.upstream).run == PostgresRun::primary && hosts_.at(host.upstream).timeline == host.timeline;
  }
  return facts;
}

void PairWorld::feed(const NodeId& node, Event event) {
  Host& host = hosts_[node];
  if (!host.controller) return;
  const Output output = host.controller->step({now_, std::move(event)});
  for (const auto& note : output.notes) {
    story_.push_back(std::to_string(now_.since_boot / milliseconds(1)) + " " + node.name + " " + note.rule + ": " +
                     note.text);
  }
  answers_.insert(answers_.end(), output.answers.begin(), output.answers.end());
  for (const auto& action : output.start) begin(node, action);
  const auto incarnation = host.incarnation;
  after(std::max(output.wake_at - now_, Duration{milliseconds(1)}), [this, node, incarnation] {
    if (hosts_[node].incarnation != incarnation) return;
    const auto& last = hosts_[node].controller->state().last_step;
    if (last && now_ - *last >= milliseconds(10)) feed(node, event::Tick{});
  });
}

void PairWorld::begin(const NodeId& node, const Action& action) {
  const auto slot = slot_of(action.kind);
  if (!slot) return at_once(node, action.kind);
  const auto incarnation = hosts_[node].incarnation;
  const Duration time = *slot == Slot::postgres ? milliseconds(30)
                        : *slot == Slot::store  ? milliseconds(3)
                                                : milliseconds(1);
  after(time, [this, node, action, incarnation, slot] {
    Host& host = hosts_[node];
    if (host.incarnation != incarnation) return;
    // A cancelled action does nothing any more.
    const auto& slots = host.controller->state().slots;
    if (!slots.contains(*slot) || slots.at(*slot).id != action.id) return;
    if (*slot == Slot::heartbeat) {
      host.is_quiesced = true;
      return end(node, action.id, Certainty::done, payload::LastConfirmation{host.last_confirmation});
    }
    *slot == Slot::store ? perform_store(node, action) : perform_postgres(node, action);
  });
}

void PairWorld::at_once(const NodeId& node, const ActionKind& kind) {
  Host& host = hosts_[node];
  if (const auto* refresh = std::get_if<RefreshGate>(&kind)) host.gate_until = refresh->until;
  if (std::holds_alternative<ShutGate>(kind)) host.gate_until = TimePoint{};
  if (std::holds_alternative<TakeAddress>(kind)) {
    for (auto& [other, state] : hosts_) state.has_address = other == node;
  }
  if (std::holds_alternative<DropAddress>(kind)) host.has_address = false;
  if (const auto* resume = std::get_if<ResumeHeartbeat>(&kind)) {
    host.is_quiesced = false;
    host.lowest = resume->lowest;
    host.to_confirm.clear();
  }
  if (const auto* say = std::get_if<Say>(&kind)) {
    const bool is_first = !host.beat;
    host.beat = say->beat;
    if (is_first) beat(node);
  }
}

void PairWorld::end(const NodeId& node, ActionId id, Certainty certainty, Payload payload) {
  feed(node, event::ActionEnded{id, certainty, std::move(payload), "model"});
}

// ---- the store ----

void PairWorld::perform_store(const NodeId& node, const Action& action) {
  if (!is_store_up_ || isolated_.contains(node)) {
    const auto incarnation = hosts_[node].incarnation;
    after(milliseconds(300), [this, node, id = action.id, incarnation] {
      if (hosts_[node].incarnation == incarnation) end(node, id, Certainty::unknown);
    });
    return;
  }
  if (std::holds_alternative<ReadStore>(action.kind)) return end(node, action.id, Certainty::done, store_);
  if (const auto* swapping = std::get_if<SwapRecord>(&action.kind)) return swap(node, action.id, *swapping);
  if (const auto* complete = std::get_if<CompleteHistory>(&action.kind)) {
    *std::ranges::find(store_.history, complete->entry.epoch, &HistoryEntry::epoch) = complete->entry;
    return end(node, action.id, Certainty::done);
  }
  if (intent_.empty()) intent_ = node.name;
  end(node, action.id, Certainty::done, payload::IntentOwner{intent_});
}

void PairWorld::swap(const NodeId& node, ActionId id, const SwapRecord& swap) {
  const Revision present = store_.record ? store_.record->revision : Revision{};
  if (store_.record && store_.record->record.token == swap.next.token)
    return end(node, id, Certainty::done, payload::Swapped{present});
  if (present != swap.expected) return end(node, id, Certainty::refused, store_);
  store_.record = VersionedRecord{swap.next, Revision{++revision_}};
  if (swap.history) store_.history.push_back(*swap.history);
  if (lose_answer_) {
    lose_answer_ = false;
    return end(node, id, Certainty::unknown);
  }
  end(node, id, Certainty::done, payload::Swapped{Revision{revision_}});
}

// ---- PostgreSQL ----

void PairWorld::end_server(Host& host) {
  if (!host.has_data) return;
  host.run = PostgresRun::stopped;
  host.upstream = NodeId{};
  host.flushed.clear();
}

void PairWorld::perform_postgres(const NodeId& node, const Action& action) {
  Host& host = hosts_[node];
  const auto& kind = action.kind;
  Payload payload;
  if (std::holds_alternative<Bootstrap>(kind)) {
    host.has_data = host.bootstrap_pending = true;
    host.run = PostgresRun::stopped;
  } else if (const auto* start = std::get_if<StartPostgres>(&kind)) {
    host.run = PostgresRun::standby;
    host.upstream = start->upstream;
  } else if (const auto* follow = std::get_if<Follow>(&kind)) {
    host.upstream = follow->upstream;
  } else if (const auto* promote = std::get_if<Promote>(&kind)) {
    if (host.run != PostgresRun::standby) return end(node, action.id, Certainty::refused);
    host.run = PostgresRun::primary;
    host.names = promote->names;
    host.timeline += 1;
    host.upstream = NodeId{};
    host.flushed.clear();
    payload = payload::Promoted{host.timeline, Lsn{host.log.size() + 1}};
  } else if (const auto* names = std::get_if<SetNames>(&kind)) {
    if (host.run != PostgresRun::primary) return end(node, action.id, Certainty::refused);
    host.names = names->names;
    payload = payload::Mark{Lsn{host.log.size() + 1}};
  } else if (std::holds_alternative<StopPostgres>(kind) || std::holds_alternative<KillPostgres>(kind)) {
    end_server(host);
  } else if (const auto* mark = std::get_if<MarkServed>(&kind)) {
    host.served = mark->epoch;
    host.bootstrap_pending = false;
  } else if (std::holds_alternative<Rewind>(kind) || std::holds_alternative<Clone>(kind)) {
    const NodeId source =
        std::holds_alternative<Rewind>(kind) ? std::get<Rewind>(kind).source : std::get<Clone>(kind).source;
    const Host& from = hosts_[source];
    if (from.run != PostgresRun::primary || !is_reachable(node, source))
      return end(node, action.id, Certainty::refused);
    if (std::holds_alternative<Rewind>(kind) && host.timeline >= from.timeline && host.log != from.log) {
      story_.push_back("VIOLATED R10: pg_rewind between two forks of one timeline number");
    }
    host.log.resize(std::holds_alternative<Clone>(kind) ? 0 : common_prefix(host.log, from.log));
    host.timeline = from.timeline;
    host.served = Epoch{};
    host.has_data = true;
    end_server(host);
  }
  end(node, action.id, Certainty::done, std::move(payload));
}

void PairWorld::stream(const NodeId& node) {
  Host& host = hosts_[node];
  if (host.run != PostgresRun::standby || !hosts_.contains(host.upstream)) return;
  Host& from = hosts_[host.upstream];
  // A row is written once and streamed with all before it: equal rows at one place mean equal prefixes.
  const bool is_prefix =
      host.log.size() <= from.log.size() && (host.log.empty() || from.log[host.log.size() - 1] == host.log.back());
  if (from.run != PostgresRun::primary || !is_reachable(node, host.upstream) || !is_prefix) {
    from.flushed.erase(node);
    return;
  }
  host.timeline = from.timeline;
  for (int row = 0; row < 20 && host.log.size() < from.log.size(); ++row) host.log.push_back(from.log[host.log.size()]);
  from.flushed[node] = host.log.size();
}

void PairWorld::write_and_acknowledge() {
  for (auto& [node, host] : hosts_) {
    const bool is_open = host.gate_until > now_ && host.run == PostgresRun::primary;
    if (is_open && host.has_address) {
      unacknowledged_[next_row_] = node;
      host.log.push_back(next_row_++);
    }
    if (!is_open) continue;
    for (auto row = unacknowledged_.begin(); row != unacknowledged_.end();) {
      const auto position = std::ranges::lower_bound(host.log, row->first) - host.log.begin();
      const bool is_flushed =
          row->second == node && std::ranges::all_of(host.names, [&](const NodeId& name) {
            return host.flushed.contains(name) && host.flushed.at(name) > static_cast<std::size_t>(position);
          });
      if (!is_flushed) {
        ++row;
        continue;
      }
      acknowledged_.push_back(row->first);
      longest_gap_ = std::max(longest_gap_, now_ - last_acknowledged_);
      last_acknowledged_ = now_;
      row = unacknowledged_.erase(row);
    }
    // What waited at another host or before a fail-over has an unknown outcome for ever.
    std::erase_if(unacknowledged_, [&](const auto& waiting) { return waiting.second != node; });
  }
}

void PairWorld::every_millisecond() {
  for (const auto& [node, host] : hosts_) stream(node);
  if (now_.since_boot / milliseconds(1) % 5 == 0) write_and_acknowledge();
  after(milliseconds(1), [this] { every_millisecond(); });
}

// ---- heartbeats ----

void PairWorld::beat(const NodeId& node) {
  Host& host = hosts_[node];
  for (const auto& [other, state] : hosts_) {
    if (other == node || !state.controller || !host.beat) continue;
    std::optional<TimePoint> confirms;
    if (!host.is_quiesced && host.to_confirm.contains(other)) {
      confirms = host.to_confirm[other];
      host.to_confirm.erase(other);  // said again it would tell nothing new
      host.last_confirmation = now_;
    }
    if (!is_reachable(node, other) || are_heartbeats_cut_) continue;
    after(milliseconds(1), [this, node, to = other, said = *host.beat, sent = now_, confirms] {
      deliver(node, to, said, sent, confirms);
    });
  }
  const auto incarnation = host.incarnation;
  after(milliseconds(50), [this, node, incarnation] {
    if (hosts_[node].incarnation == incarnation) beat(node);
  });
}

void PairWorld::deliver(const NodeId& from, const NodeId& to, Beat said, TimePoint sent,
                        std::optional<TimePoint> confirms) {
  Host& host = hosts_[to];
  if (!host.controller) return;
  const Epoch known = std::max(host.lowest, host.beat ? host.beat->epoch : Epoch{});
  if (!host.is_quiesced && said.epoch >= known && said.holder == from) host.to_confirm[from] = sent;
  if (said.epoch > known) {
    host.lowest = said.epoch;
    std::erase_if(host.to_confirm, [&](const auto& entry) { return entry.first != from; });
  }
  feed(to, Heard{from, said, confirms, host.last_confirmation});
}

// ---- faults ----

void PairWorld::kill_postgres(const std::string& name) {
  end_server(hosts_[NodeId{name}]);
  feed(NodeId{name}, event::PostgresExited{});
}

void PairWorld::power_off(const std::string& name) {
  Host& host = hosts_[NodeId{name}];
  end_server(host);
  host.controller.reset();
  ++host.incarnation;
  host.beat.reset();
  host.gate_until = TimePoint{};
  host.has_address = false;
}

void PairWorld::power_on(const std::string& name) { boot(NodeId{name}); }

void PairWorld::restart_agent(const std::string& name) { boot(NodeId{name}); }

Answer PairWorld::switch_over(const std::string& from, const std::string& to) {
  answers_.clear();
  feed(NodeId{from}, event::SwitchoverAsked{1, NodeId{to}});
  GEMEL_CHECK(answers_.size() == 1);
  return answers_.front();
}

std::string PairWorld::primary() const {
  for (const auto& [node, host] : hosts_) {
    if (host.gate_until > now_ && host.run == PostgresRun::primary && host.has_address) return node.name;
  }
  return "";
}

Duration PairWorld::take_longest_gap() {
  const Duration gap = std::max(longest_gap_, now_ - last_acknowledged_);
  longest_gap_ = Duration::zero();
  last_acknowledged_ = now_;
  return gap;
}

void PairWorld::check() {
  int open = 0;
  for (const auto& [node, host] : hosts_) open += host.gate_until > now_ && host.run == PostgresRun::primary ? 1 : 0;
  if (open > 1) story_.emplace_back("VIOLATED I5: two open gates");
  GEMEL_CHECK(open <= 1);
  // The whole of I1 whenever the record or an epoch's holder changed, and now and then; a log is in ascending order.
  const bool is_due = now_ - checked_at_ >= milliseconds(50) || checked_revision_ != revision_;
  if (!store_.record || !is_due) return;
  checked_at_ = now_;
  checked_revision_ = revision_;
  for (const auto& node : store_.record->record.members) {
    const auto& log = hosts_.at(node).log;
    if (!std::ranges::includes(log, acknowledged_))
      story_.push_back("VIOLATED I1: " + node.name + " in S lacks an acknowledged row");
  }
  GEMEL_CHECK(story_.empty() || !story_.back().starts_with("VIOLATED"));
}

}  // namespace gemel::core::testing
