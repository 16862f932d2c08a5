#include "sim/marks.h"

namespace gemel::sim {
namespace {

constexpr std::array<std::string_view, mark_count> names{
    "failover",
    "switchover",
    "crash_resign",
    "claim",
    "local_restart",
    "rewind",
    "clone",
    "ruined_copy",
    "bootstrap",
    "member_removed",
    "member_added",
    "add_abandoned",
    "gate_shut_by_kernel",
    "gate_shut_by_agent",
    "fenced",
    "unknown_swap",
    "late_swap",
    "lost_swap_race",
    "stale_read",
    "watch_gap",
    "no_leader",
    "no_space",
    "names_delayed",
    "promotion_blocked",
    "stop_overran",
    "disk_stall",
    "sick_resign",
    "unflushed_lost",
    "cancelled_wait",
    "commit_visible_by_restart",
    "diverged",
    "packet_lost",
    "packet_duplicated",
    "packet_reordered",
    "one_way_cut",
    "ring",
    "swizzle",
    "agent_frozen",
    "loop_stalled",
    "host_suspended",
    "agent_stopped",
    "procedure_unknown",
    "third_host",
    "fast_timers",
    "promoted_by_hand",
    "refused_attempt_seen",
    "wal_recycled",
    "added_while_copied",
    "paused",
    "pause_ended",
    "bid_out_of_pause",
    "paused_agent_restarted",
    "service_yielded",
    "waited_for_copy",
    "forced",
    "force_lost_writes",
};

}  // namespace

std::string_view to_string(Mark mark) { return names[static_cast<std::size_t>(mark)]; }

}  // namespace gemel::sim
