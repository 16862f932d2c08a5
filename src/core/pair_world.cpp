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

PairWorld::PairWorld(Conditions conditions) : conditions_(std::move(conditions)), random_(conditions_.seed) {
  Duration offset{0};
  for (const char* name : {"db1", "db2"}) {
    Host& host = hosts_[NodeId{name}];
    if (conditions_.clock_rates.contains(name)) host.rate = conditions_.clock_rates.at(name);
    host.offset = offset;
    offset += std::chrono::hours(1);  // points of two clocks cannot be compared: a mistake must show
  }
  for (auto& [node, host] : hosts_) boot(node);
  after(milliseconds(1), [this] { every_millisecond(); });
}

void PairWorld::after(Duration delay, std::function<void()> what) {
  queue_.push({now_ + delay, order_++, std::move(what)});
}

TimePoint PairWorld::clock(const Host& host) const {
  const auto passed = static_cast<double>(now_.since_boot.count()) * host.rate;
  return TimePoint{Duration{static_cast<Duration::rep>(passed)} + host.offset};
}

bool PairWorld::is_open(const Host& host) const {
  const bool is_forgotten = conditions_.mutant == Mutant::gate_stays_open && host.gate_until != TimePoint{};
  return (host.gate_until > clock(host) || is_forgotten) && host.run == PostgresRun::primary;
}

void PairWorld::run_for(Duration time) {
  const TimePoint end = now_ + time;
  while (violation_.empty() && !queue_.empty() && queue_.top().at <= end) {
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
    if (now_ >= end || !violation_.empty()) return false;
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
  host.controller = std::make_unique<Controller>(node, config, order_ + conditions_.seed);
  host.beat.reset();
  host.lowest = Epoch{};
  host.is_quiesced = false;
  host.last_confirmation = clock(host);
  host.to_confirm.clear();
  host.frozen_until = TimePoint{};
  const auto incarnation = host.incarnation;
  const std::function<void()> look = [this, node, incarnation] {
    if (hosts_[node].incarnation == incarnation) observe(node);
  };
  after(milliseconds(2), look);
}

void PairWorld::observe(const NodeId& node) {
  Host& host = hosts_[node];
  const auto incarnation = host.incarnation;
  if (!host.controller->state().is_busy(Slot::postgres) && now_ >= host.frozen_until)
    feed(node, event::PostgresSeen{facts(host)});
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
  if (now_ < host.frozen_until) {
    return after(host.frozen_until - now_, [this, node, incarnation = host.incarnation, event = std::move(event)] {
      if (hosts_[node].incarnation == incarnation) feed(node, event);
    });
  }
  const TimePoint own = clock(host);
  const Output output = host.controller->step({own, std::move(event)});
  for (const auto& note : output.notes) {
    story_.push_back(std::to_string(now_.since_boot / milliseconds(1)) + " " + node.name + " " + note.rule + ": " +
                     note.text);
  }
  answers_.insert(answers_.end(), output.answers.begin(), output.answers.end());
  for (const auto& action : output.start) begin(node, action);
  const auto incarnation = host.incarnation;
  const Duration nap{static_cast<Duration::rep>(static_cast<double>((output.wake_at - own).count()) / host.rate)};
  after(std::max(nap, Duration{milliseconds(1)}), [this, node, incarnation] {
    const Host& woken = hosts_[node];
    if (woken.incarnation != incarnation) return;
    const auto& last = woken.controller->state().last_step;
    if (last && clock(woken) - *last >= milliseconds(10)) feed(node, event::Tick{});
  });
}

void PairWorld::begin(const NodeId& node, const Action& action) {
  const auto slot = slot_of(action.kind);
  if (!slot) return at_once(node, action.kind);
  const auto incarnation = hosts_[node].incarnation;
  // The durable marker comes first: an unfinished copy is never started.
  if (std::holds_alternative<Rewind>(action.kind) || std::holds_alternative<Clone>(action.kind))
    hosts_[node].run = PostgresRun::ruined;
  const Duration time = *slot == Slot::postgres ? conditions_.procedure_time
                        : *slot == Slot::store  ? conditions_.store_time
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
  if (std::holds_alternative<TakeAddress>(kind)) host.has_address = true;  // nobody takes it from the other one
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
  if (delay_transaction_) {
    after(*delay_transaction_, [this, late = swap] { (void)commit(late); });
    delay_transaction_.reset();
    const auto incarnation = hosts_[node].incarnation;
    return after(milliseconds(300), [this, node, id, incarnation] {
      if (hosts_[node].incarnation == incarnation) end(node, id, Certainty::unknown);
    });
  }
  if (store_.record && store_.record->record.token == swap.next.token)
    return end(node, id, Certainty::done, payload::Swapped{store_.record->revision});
  const auto revision = commit(swap);
  if (!revision) return end(node, id, Certainty::refused, store_);
  if (lose_answer_) {
    lose_answer_ = false;
    return end(node, id, Certainty::unknown);
  }
  end(node, id, Certainty::done, payload::Swapped{*revision});
}

std::optional<Revision> PairWorld::commit(const SwapRecord& swap) {
  const Revision present = store_.record ? store_.record->revision : Revision{};
  if (present != swap.expected) return std::nullopt;
  const Record& next = swap.next;
  if (!next.members.contains(next.holder)) violated("I2: the holder is not in S");
  if (store_.record) {
    const Record& before = store_.record->record;
    const bool is_take_over = next.epoch.value == before.epoch.value + 1;
    const bool is_forced = swap.history && swap.history->cause == Cause::force;
    // What an operator gave up knowingly: only what the new holder has can be asked for from here on.
    if (is_forced)
      std::erase_if(acknowledged_, [&](int row) { return !std::ranges::binary_search(hosts_[next.holder].log, row); });
    if (is_forced) {
      for (auto& [node, host] : hosts_) host.verified = 0;
    }
    if (is_take_over && !is_forced && !before.members.contains(next.holder))
      violated("I2: a take-over from outside of S");
    if (!is_take_over && (next.epoch != before.epoch || next.holder != before.holder))
      violated("I3: the holder changed without a new epoch, or the epoch jumped");
  }
  store_.record = VersionedRecord{next, Revision{++revision_}};
  if (swap.history) store_.history.push_back(*swap.history);
  return Revision{revision_};
}

// ---- PostgreSQL ----

void PairWorld::end_server(Host& host) {
  if (!host.has_data || host.run == PostgresRun::ruined) return;
  host.run = PostgresRun::stopped;
  host.upstream = NodeId{};
  host.flushed.clear();
  // Sessions end without an answer: what waited has an unknown outcome for ever.
  std::erase_if(unacknowledged_, [&](const auto& waiting) { return &hosts_[waiting.second] == &host; });
}

void PairWorld::perform_postgres(const NodeId& node, const Action& action) {
  Host& host = hosts_[node];
  const auto& kind = action.kind;
  Payload payload;
  Certainty certainty = Certainty::done;
  if (const auto failing = failing_.find(node); failing != failing_.end()) {
    certainty = Certainty::unknown;
    const bool takes_effect = failing->second;
    failing_.erase(failing);
    if (!takes_effect) return end(node, action.id, certainty);
  }
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
    host.names = conditions_.mutant == Mutant::promotes_without_names ? NodeSet{} : promote->names;
    host.recovered = host.log.size();
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
      violated("R10: pg_rewind between two forks of one timeline number");
    }
    host.log.resize(std::holds_alternative<Clone>(kind) ? 0 : common_prefix(host.log, from.log));
    host.timeline = from.timeline;
    host.served = Epoch{};
    host.has_data = true;
    host.verified = 0;
    host.run = PostgresRun::stopped;
    end_server(host);
  }
  if (certainty == Certainty::unknown) payload = std::monostate{};
  end(node, action.id, certainty, std::move(payload));
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

/// Ascending, and found again by the next check wherever it belongs.
void PairWorld::remember(int row) {
  const auto place = std::ranges::lower_bound(acknowledged_, row);
  if (place != acknowledged_.end() && *place == row) return;
  const auto index = static_cast<std::size_t>(place - acknowledged_.begin());
  for (auto& [node, host] : hosts_) host.verified = std::min(host.verified, index);
  acknowledged_.insert(place, row);
}

void PairWorld::acknowledge(const NodeId& node, Host& host) {
  for (auto row = unacknowledged_.begin(); row != unacknowledged_.end();) {
    const auto place = std::ranges::lower_bound(host.log, row->first);
    const auto position = static_cast<std::size_t>(place - host.log.begin());
    const bool is_flushed = row->second == node && place != host.log.end() && *place == row->first &&
                            (conditions_.mutant == Mutant::acknowledges_without_names ||
                             std::ranges::all_of(host.names, [&](const NodeId& name) {
                               return host.flushed.contains(name) && host.flushed.at(name) > position;
                             }));
    if (!is_flushed) {
      ++row;
      continue;
    }
    remember(row->first);
    longest_gap_ = std::max(longest_gap_, now_ - last_acknowledged_);
    last_acknowledged_ = now_;
    row = unacknowledged_.erase(row);
  }
}

void PairWorld::write_and_acknowledge() {
  for (auto& [node, host] : hosts_) {
    const bool is_through = is_open(host);
    const bool is_local = conditions_.has_local_clients && host.run == PostgresRun::primary;
    if ((is_through && host.has_address) || is_local) {
      unacknowledged_[next_row_] = node;
      host.log.push_back(next_row_++);
    }
    if (is_through) {  // I6: what a client can see must never be lost, whether it was acknowledged or not
      for (std::size_t row = 0; row < host.recovered; ++row) remember(host.log[row]);
      host.recovered = 0;
    }
    if (is_through || is_local) acknowledge(node, host);
    // What waited at another host has an unknown outcome for ever: its client has gone to this one.
    if (is_through && !conditions_.has_local_clients)
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
    if (other == node || !state.controller || !host.beat || now_ < host.frozen_until) continue;
    std::optional<TimePoint> confirms;
    if (!host.is_quiesced && host.to_confirm.contains(other)) {
      confirms = host.to_confirm[other];
      host.to_confirm.erase(other);  // said again it would tell nothing new
      host.last_confirmation = clock(host);
    }
    if (!is_reachable(node, other) || are_heartbeats_cut_ || cut_.contains({node, other})) continue;
    if (random_.below(100) < conditions_.heartbeat_loss_percent) continue;
    const auto steps = static_cast<std::uint64_t>(conditions_.heartbeat_delay / milliseconds(1));
    const Duration delay = milliseconds(1 + random_.below(std::max<std::uint64_t>(steps, 1)));
    after(delay, [this, node, to = other, said = *host.beat, sent = clock(host), confirms] {
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
  if (now_ < host.frozen_until)  // it waits in the socket
    return after(host.frozen_until - now_, [=, this] { deliver(from, to, said, sent, confirms); });
  const Epoch known = std::max(host.lowest, host.beat ? host.beat->epoch : Epoch{});
  if (!host.is_quiesced && said.epoch >= known && said.holder == from) host.to_confirm[from] = sent;
  if (said.epoch > known) {
    host.lowest = said.epoch;
    std::erase_if(host.to_confirm, [&](const auto& entry) { return entry.first != from; });
  }
  feed(to, Heard{from, said, confirms, host.last_confirmation});
}

}  // namespace gemel::core::testing
