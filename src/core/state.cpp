#include "core/state.h"

#include <algorithm>

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

TimePoint State::permit_until() const {
  NodeSet required = other_members();
  // From the moment the add is sent, its node may be a member: it must confirm too (R3).
  if (pending && pending->swap.purpose == SwapPurpose::add)
    required.insert(pending->swap.next.members.begin(), pending->swap.next.members.end());
  required.erase(self);
  TimePoint until = now + timers().lease;
  if (record() != nullptr && record()->state == RecordState::paused) return until;
  for (const auto& node : required) {
    const auto peer = peers.find(node);
    if (peer == peers.end() || !peer->second.confirmed) return TimePoint{};
    until = std::min(until, *peer->second.confirmed + timers().lease);
  }
  return until;
}

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
  if (must_rewind) return true;  // never promoted here: its timeline is that of the primary it followed
  const HistoryEntry* own = history_of(facts.served);
  return own != nullptr && own->complete && own->node == self && own->timeline == facts.timeline;
}

const HistoryEntry* State::history_of(Epoch epoch) const {
  const auto entry = std::ranges::find(store.history, epoch, &HistoryEntry::epoch);
  return entry == store.history.end() ? nullptr : &*entry;
}

}  // namespace gemel::core
