// Marks: rare situations that the simulator must have met. A long run in which one was never hit proves less than it
// seems, so it fails.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gemel::sim {

enum class Mark : std::uint8_t {
  failover,
  switchover,
  crash_resign,
  claim,
  local_restart,
  rewind,
  clone,
  ruined_copy,
  bootstrap,
  member_removed,
  member_added,
  add_abandoned,
  gate_shut_by_kernel,
  gate_shut_by_agent,
  fenced,
  unknown_swap,
  late_swap,
  lost_swap_race,
  stale_read,
  watch_gap,
  no_leader,
  no_space,
  names_delayed,
  promotion_blocked,
  stop_overran,
  disk_stall,
  sick_resign,
  unflushed_lost,
  cancelled_wait,
  commit_visible_by_restart,
  diverged,
  packet_lost,
  packet_duplicated,
  packet_reordered,
  one_way_cut,
  ring,
  swizzle,
  agent_frozen,
  loop_stalled,
  host_suspended,
  agent_stopped,
  procedure_unknown,
  third_host,
  fast_timers,
  store_restored,
  store_halt,
  promoted_by_hand,
  refused_attempt_seen,
  wal_recycled,
  added_while_copied,
  paused,
  pause_ended,
  bid_out_of_pause,
  paused_agent_restarted,
  service_yielded,
  waited_for_copy,
  forced,
  force_lost_writes,
  count_of_marks,
};
inline constexpr std::size_t mark_count = static_cast<std::size_t>(Mark::count_of_marks);

/// The name as in the enumeration.
std::string_view to_string(Mark mark);

/// How often each was met. Value; added up over trials.
struct MarkCounts {
  std::array<std::uint64_t, mark_count> counts{};
  void hit(Mark mark) { ++counts[static_cast<std::size_t>(mark)]; }
  [[nodiscard]] std::uint64_t of(Mark mark) const { return counts[static_cast<std::size_t>(mark)]; }
  void add(const MarkCounts& other) {
    for (std::size_t i = 0; i < mark_count; ++i) counts[i] += other.counts[i];
  }
};

}  // namespace gemel::sim
