#include "sim/etcd.h"

#include <algorithm>

namespace gemel::sim {
namespace {

constexpr std::size_t kept_views = 6;
constexpr std::uint64_t shortest_election_ms = 200, longest_election_ms = 3000;  // measured 0.3 to 2.8 s

}  // namespace

const core::StoreView& Etcd::view_before(std::size_t back) const {
  if (back == 0 || past_.empty()) return view_;
  return past_[past_.size() - std::min(back, past_.size())];
}

void Etcd::remember() {
  past_.push_back(view_);
  if (past_.size() > kept_views) past_.erase(past_.begin());
}

void Etcd::begin_with(core::Record record, core::HistoryEntry entry) {
  view_.record = core::VersionedRecord{std::move(record), Revision{++revision_}};
  view_.history.push_back(std::move(entry));
}

std::optional<Revision> Etcd::commit(const core::action::SwapRecord& swap) {
  const Revision present = view_.record ? view_.record->revision : Revision{};
  if (present != swap.expected) return std::nullopt;
  remember();
  view_.record = core::VersionedRecord{swap.next, Revision{++revision_}};
  if (swap.history) view_.history.push_back(*swap.history);
  return Revision{revision_};
}

void Etcd::complete_history(const core::HistoryEntry& entry) {
  const auto found = std::ranges::find(view_.history, entry.epoch, &core::HistoryEntry::epoch);
  if (found == view_.history.end()) return;
  remember();
  *found = entry;
}

const std::string& Etcd::claim_intent(const NodeId& node) {
  if (intent_.empty()) intent_ = node.name;
  return intent_;
}

void Etcd::restore(std::size_t back) {
  view_ = view_before(back);
  revision_ = view_.record ? view_.record->revision.value : 1;
  past_.clear();
}

bool Etcd::has_majority(Place voter, const Network& network, const std::array<bool, most_places>& is_up_at) const {
  if (!is_up_at[voter]) return false;
  const auto followers = std::ranges::count_if(
      voters_, [&](Place other) { return is_up_at[other] && (other == voter || network.connects(voter, other)); });
  return static_cast<std::size_t>(followers) * 2 > voters_.size();
}

bool Etcd::serves(Place from, const Network& network, const std::array<bool, most_places>& is_up_at,
                  TimePoint now) const {
  if (!is_up || now < no_leader_until_ || !has_majority(leader_, network, is_up_at)) return false;
  return std::ranges::any_of(voters_, [&](Place voter) {
    return is_up_at[voter] && network.connects(from, voter) && (voter == leader_ || network.connects(voter, leader_));
  });
}

bool Etcd::look_after_leader(const Network& network, const std::array<bool, most_places>& is_up_at, TimePoint now,
                             Random& random) {
  if (now < no_leader_until_ || has_majority(leader_, network, is_up_at)) return false;
  const auto next = std::ranges::find_if(voters_, [&](Place voter) { return has_majority(voter, network, is_up_at); });
  if (next == voters_.end()) return false;
  leader_ = *next;
  const auto time = shortest_election_ms + random.below(longest_election_ms - shortest_election_ms);
  no_leader_until_ = now + std::chrono::milliseconds(time);
  return true;
}

}  // namespace gemel::sim
