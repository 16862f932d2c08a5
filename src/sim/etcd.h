// etcd as the rules may rely on it, and no better: one key with compare-and-swap; answers that get lost, transactions
// carried out late, reads of the past, no leader for a while, no space.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/event.h"
#include "sim/network.h"

namespace gemel::sim {

class Etcd {
 public:
  explicit Etcd(std::vector<Place> voters, std::size_t first_leader = 0)
      : voters_(std::move(voters)), leader_(voters_[first_leader]) {}

  // ---- what it holds ----
  [[nodiscard]] const core::StoreView& view() const { return view_; }
  /// A view of the past, `back` changes ago or the oldest there is.
  [[nodiscard]] const core::StoreView& view_before(std::size_t back) const;
  void begin_with(core::Record record, core::HistoryEntry entry);
  /// Carries a transaction out; the new revision, or nothing when the comparison failed.
  std::optional<Revision> commit(const core::action::SwapRecord& swap);
  void complete_history(const core::HistoryEntry& entry);
  const std::string& claim_intent(const NodeId& node);
  /// The copy of `back` changes ago takes the place of what is there, as if restored from a backup.
  void restore(std::size_t back);

  // ---- who reaches it ----
  [[nodiscard]] const std::vector<Place>& voters() const { return voters_; }
  [[nodiscard]] Place leader() const { return leader_; }
  /// The leader has a majority now, and this place reaches it, directly or through another voter.
  [[nodiscard]] bool serves(Place from, const Network& network, const std::array<bool, most_places>& is_up_at,
                            TimePoint now) const;
  /// Elects again when the leader has no majority. True when an election began; nobody serves until it ended.
  bool look_after_leader(const Network& network, const std::array<bool, most_places>& is_up_at, TimePoint now,
                         Random& random);
  void find_leader() { no_leader_until_ = TimePoint{}; }
  void lose_leader(TimePoint until) { no_leader_until_ = std::max(no_leader_until_, until); }

  bool is_up = true;
  bool has_space = true;

 private:
  [[nodiscard]] bool has_majority(Place voter, const Network& network,
                                  const std::array<bool, most_places>& is_up_at) const;
  void remember();

  core::StoreView view_;
  std::vector<core::StoreView> past_;
  std::string intent_;
  std::int64_t revision_ = 1;
  std::vector<Place> voters_;
  Place leader_;
  TimePoint no_leader_until_;
};

}  // namespace gemel::sim
