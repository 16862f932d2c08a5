#include "core/state.h"

#include <algorithm>
#include <chrono>

namespace gemel::core {

NodeSet State::other_members() const {
  if (record() == nullptr) return {};
  NodeSet others = record()->members;
  others.erase(self);
  return others;
}

bool State::is_heard(const NodeId& node) const {
  const auto peer = peers.find(node);
  return peer != peers.end() && now - peer->second.heard_at < timers().suspect;
}

bool State::is_fresh(const NodeId& node) const {
  const auto peer = peers.find(node);
  return is_heard(node) && peer->second.confirmed && now - *peer->second.confirmed < timers().suspect;
}

std::optional<NodeId> State::best_successor() const {
  std::optional<NodeId> best;
  for (const auto& node : other_members()) {
    if (!is_fresh(node)) continue;
    const auto& beat = peers.at(node).beat;
    if (beat.run != PostgresRun::standby) continue;
    if (!best || beat.wal_end > peers.at(*best).beat.wal_end) best = node;
  }
  return best;
}

Epoch State::highest_epoch() const {
  Epoch highest = std::max(heard, facts.served);
  if (record() != nullptr) highest = std::max(highest, record()->epoch);
  for (const auto& [node, peer] : peers) highest = std::max(highest, peer.beat.epoch);
  return highest;
}

TimePoint State::ordinary_permit_until() const {
  NodeSet required = other_members();
  // From the moment the add is sent, its node may be a member: it must confirm too (R3).
  if (pending && pending->swap.purpose == SwapPurpose::add)
    required.insert(pending->swap.next.members.begin(), pending->swap.next.members.end());
  required.erase(self);
  TimePoint until = now + timers().lease;
  for (const auto& node : required) {
    const auto peer = peers.find(node);
    if (peer == peers.end() || !peer->second.confirmed) return TimePoint{};
    until = std::min(until, *peer->second.confirmed + timers().lease);
  }
  return until;
}

TimePoint State::permit_until() const {
  return std::max(ordinary_permit_until(), std::min(now + timers().lease, pause_lease_until()));
}

TimePoint State::pause_lease_until() const {
  if (!has_won() || !is_paused() || !record()->pause || !pause || !pause->sent) return TimePoint{};
  if (pending && pending->swap.next.state != RecordState::paused) return TimePoint{};
  return *pause->sent + record()->pause->length;
}

bool State::has_pause_run_out() const {
  if (!is_paused() || !record()->pause || !pause) return false;
  // The lease began when it was sent, before anybody knew of it, and lasts at most length (1 + rho) + T_gate of true
  // time; this clock's wait of w is at least w (1 - rho) of true time.
  const double rho = timers().clock_rate_error;
  const double longest =
      static_cast<double>(record()->pause->length.count()) * (1 + rho) + static_cast<double>(timers().gate.count());
  const Duration wait{static_cast<Duration::rep>(longest / (1 - rho))};
  return now - pause->known >= wait + std::chrono::seconds(1);
}

Duration State::stable_time(const NodeId& node) const {
  // Not longer: while it waits there may be one copy only, and a site must be whole a minute after its last fault.
  constexpr Duration longest = std::chrono::seconds(16);
  if (is_short_of_copies()) return Duration::zero();
  const auto flap = flaps.find(node);
  if (flap == flaps.end() || now - flap->second.last > damping_window) return timers().stable;
  const unsigned doublings = std::min(flap->second.count - 1, 10U);
  return std::max(timers().stable, std::min(timers().stable * (1U << doublings), longest));
}

bool State::is_waiting_for_flush() const {
  return std::ranges::any_of(
      links, [this](const auto& entry) { return entry.second.is_streaming && entry.second.progressed < facts_at; });
}

void State::count_flap(const NodeId& node) {
  auto& flap = flaps[node];
  if (now - flap.last > damping_window) flap.count = 0;
  ++flap.count;
  flap.last = now;
}

int State::take_overs(Cause cause, Duration window) const {
  int count = 0;
  const HistoryEntry* before = nullptr;
  for (const auto& entry : store.history) {
    const auto seen = learnt.find(entry.epoch);
    const bool is_recent = seen != learnt.end() && now - seen->second <= window;
    if (before != nullptr && entry.node != before->node && entry.cause == cause && is_recent) ++count;
    before = &entry;
  }
  return count;
}

bool State::has_service_view() const { return service.total > 0 && now - service.seen <= std::chrono::seconds(3); }

bool State::has_stopped() const {
  const bool is_up =
      facts.run == PostgresRun::primary || facts.run == PostgresRun::standby || facts.run == PostgresRun::starting;
  return !is_up && !hand_over && !is_busy(Slot::postgres);
}

bool State::is_diverged() const {
  if (must_rewind) return true;
  return record() != nullptr && !is_holder() && facts.served.value != 0 && record()->epoch > facts.served;
}

bool State::is_rewind_trusted() const {
  const HistoryEntry* present = record() != nullptr ? history_of(record()->epoch) : nullptr;
  if (present == nullptr || !present->complete || present->timeline <= facts.timeline) return false;
  // Its timeline is that of the primary it followed, unless somebody promoted it by hand before anybody looked.
  if (must_rewind) return !facts.was_primary;
  const HistoryEntry* own = history_of(facts.served);
  return own != nullptr && own->complete && own->node == self && own->timeline == facts.timeline;
}

const HistoryEntry* State::history_of(Epoch epoch) const {
  const auto entry = std::ranges::find(store.history, epoch, &HistoryEntry::epoch);
  return entry == store.history.end() ? nullptr : &*entry;
}

}  // namespace gemel::core
