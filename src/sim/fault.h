// Faults as data: what happens to the site, when, where and for how long. A trial is its conditions and such a list, so
// that a failing one can be shortened.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/moment.h"
#include "sim/world.h"

namespace gemel::sim {

enum class FaultKind : std::uint8_t {
  crash_postgres,
  power_cycle,
  isolate,
  cut_pair,
  cut_one_way,
  cut_datagrams,
  cut_streams,
  lossy,
  slow_network,
  doubling,
  ring,
  swizzle,
  store_down,
  no_leader,
  no_space,
  lose_answer,
  delay_swap,
  stale_reads,
  watch_gap,
  fail_procedure,
  freeze_agent,
  stall_loop,
  restart_agent,
  stop_agent,
  freeze_postgres,
  freeze_host,
  suspend_host,
  stall_disk,
  delay_names,
  block_promotion,
  cancel_waits,
  switch_over,
  restore_store,  // only when asked for: see docs/simulator.md
  promote_by_hand,
  recycle_wal,
  pause_site,  // for `time`; it runs out unless it is resumed
  resume_site,
  blind_service,  // the clients' network of one host is dead
  force,          // all of S is powered off for `time`, a host outside of it takes over by force
  count_of_kinds,
};
std::string_view to_string(FaultKind kind);

struct Fault {
  FaultKind kind{};
  Duration pause{0};  // after the fault before
  Duration time{0};   // how long it lasts, where that has a meaning
  Place at = 0;       // where; of a link: from
  Place other = 0;    // of a link: to
  bool flag = false;
  unsigned percent = 0;
  // Tied: from its time on it waits for the first such moment at any host, and begins `delay` after it, at that host or
  // at the next one instead of `at`.
  std::optional<Moment> tie = std::nullopt;
  bool is_at_actor = false;
  Duration delay{0};
};
/// One line for people.
std::string describe(const Fault& fault);

void begin_fault(World& world, const Fault& fault);
void end_fault(World& world, const Fault& fault);
/// The fault goes on for `time` and must be ended.
bool lasts(FaultKind kind);

}  // namespace gemel::sim
