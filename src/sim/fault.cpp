#include "sim/fault.h"

#include <array>
#include <chrono>

namespace gemel::sim {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::string_view, static_cast<std::size_t>(FaultKind::count_of_kinds)> names{
    "crash_postgres",  "power_cycle",    "isolate",       "cut_pair",        "cut_one_way",   "cut_datagrams",
    "cut_streams",     "lossy",          "slow_network",  "doubling",        "ring",          "swizzle",
    "store_down",      "no_leader",      "no_space",      "lose_answer",     "delay_swap",    "stale_reads",
    "watch_gap",       "fail_procedure", "freeze_agent",  "stall_loop",      "restart_agent", "stop_agent",
    "freeze_postgres", "freeze_host",    "suspend_host",  "stall_disk",      "delay_names",   "block_promotion",
    "cancel_waits",    "switch_over",    "restore_store", "promote_by_hand", "recycle_wal",   "pause_site",
    "resume_site",     "blind_service",  "force"};

void change_cut(World& world, Place from, Place to, Traffic traffic, bool is_begin) {
  is_begin ? world.cut(from, to, traffic) : world.restore(from, to, traffic);
}

void change_both(World& world, Place a, Place b, Traffic traffic, bool is_begin) {
  change_cut(world, a, b, traffic, is_begin);
  change_cut(world, b, a, traffic, is_begin);
}

/// Links that this fault cuts.
void change_links(World& world, const Fault& fault, bool is_begin) {
  const auto places = static_cast<Place>(world.places());
  switch (fault.kind) {
    case FaultKind::isolate:
      for (Place place = 0; place < places; ++place) change_both(world, fault.at, place, Traffic::all, is_begin);
      return;
    case FaultKind::cut_pair:
      return change_both(world, fault.at, fault.other, Traffic::all, is_begin);
    case FaultKind::cut_one_way:
      if (is_begin) world.hit(Mark::one_way_cut);
      return change_cut(world, fault.at, fault.other, Traffic::all, is_begin);
    case FaultKind::cut_datagrams:
      return change_cut(world, fault.at, fault.other, Traffic::datagrams, is_begin);
    case FaultKind::cut_streams:
      return change_both(world, fault.at, fault.other, Traffic::streams, is_begin);
    case FaultKind::ring: {  // each place sees its two neighbours only; of three places: one pair is cut
      if (is_begin) world.hit(Mark::ring);
      for (Place a = 0; a < places; ++a) {
        for (Place b = static_cast<Place>(a + 1); b < places; ++b) {
          const bool are_neighbours = b == a + 1 || (a == 0 && b == places - 1);
          const bool is_cut = places == 3 ? a == 0 && b == 1 : !are_neighbours;
          if (is_cut) change_both(world, a, b, Traffic::all, is_begin);
        }
      }
      return;
    }
    default:
      return;
  }
}

void change_quality(World& world, const Fault& fault, bool is_begin) {
  for (Place other = 0; other < world.places(); ++other) {
    if (other == fault.at) continue;
    for (Link* link : {&world.network().link(fault.at, other), &world.network().link(other, fault.at)}) {
      if (fault.kind == FaultKind::lossy) link->loss_percent = is_begin ? fault.percent : 0;
      if (fault.kind == FaultKind::doubling) link->double_percent = is_begin ? fault.percent : 0;
      if (fault.kind == FaultKind::slow_network)
        link->jitter = is_begin ? Duration{milliseconds(fault.percent * 4)} : Duration{0};
    }
  }
}

void begin_on_agent(World& world, const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::freeze_agent:
      world.hit(Mark::agent_frozen);
      return world.freeze_agent(fault.at, fault.time);
    case FaultKind::stall_loop:
      world.hit(Mark::loop_stalled);
      return world.stall_loop(fault.at, fault.time);
    case FaultKind::restart_agent:
      return world.end_agent(fault.at);
    case FaultKind::stop_agent:
      return world.stop_agent(fault.at);
    case FaultKind::freeze_host:
      return world.freeze_host(fault.at, fault.time, false);
    case FaultKind::suspend_host:
      world.hit(Mark::host_suspended);
      return world.freeze_host(fault.at, fault.time, true);
    case FaultKind::fail_procedure:
      return world.fail_next_procedure(fault.at, fault.flag);
    case FaultKind::switch_over:
      return world.ask_switch_over(fault.at, fault.flag ? std::nullopt : std::optional<Place>(fault.other));
    default:
      return;
  }
}

void change_store(World& world, const Fault& fault, bool is_begin) {
  switch (fault.kind) {
    case FaultKind::store_down:
      return world.set_store_up(!is_begin);
    case FaultKind::no_space:
      return world.set_store_space(!is_begin);
    case FaultKind::stale_reads:
      return world.set_stale_reads(is_begin);
    case FaultKind::watch_gap:
      return world.set_watch_gap(is_begin);
    case FaultKind::no_leader:
      if (is_begin) world.lose_leader(fault.time);
      return;
    case FaultKind::lose_answer:
      if (is_begin) world.lose_next_answer();
      return;
    case FaultKind::delay_swap:
      if (is_begin) world.delay_next_swap(fault.time);
      return;
    case FaultKind::restore_store:
      if (is_begin) world.restore_store(1 + fault.percent % 4);
      return;
    default:
      return;
  }
}

void change_postgres(World& world, const Fault& fault, bool is_begin) {
  switch (fault.kind) {
    case FaultKind::crash_postgres:
      if (is_begin) world.crash_postgres(fault.at);
      return;
    case FaultKind::power_cycle:
      return is_begin ? world.power_off(fault.at) : world.power_on(fault.at);
    case FaultKind::freeze_postgres:
      return world.freeze_postgres(fault.at, is_begin);
    case FaultKind::stall_disk:
      return world.stall_disk(fault.at, is_begin);
    case FaultKind::block_promotion:
      return world.block_promotion(fault.at, is_begin);
    case FaultKind::delay_names:
      return world.delay_names(fault.at, is_begin ? Duration{milliseconds(20 * fault.percent)} : Duration{0});
    case FaultKind::cancel_waits:
      if (is_begin) world.cancel_waits();
      return;
    default:
      return;
  }
}

void change_by_people(World& world, const Fault& fault, bool is_begin) {
  switch (fault.kind) {
    case FaultKind::promote_by_hand:
      if (is_begin) world.promote_by_hand(fault.at);
      return;
    case FaultKind::recycle_wal:
      if (is_begin) world.recycle_wal();
      return;
    case FaultKind::pause_site:
      if (is_begin) world.ask_pause(fault.time);
      return;
    case FaultKind::resume_site:
      if (is_begin) world.ask_resume();
      return;
    case FaultKind::blind_service:
      return world.blind_service(fault.at, is_begin);
    case FaultKind::force:
      return is_begin ? world.begin_force(fault.at) : world.end_force();
    default:
      return;
  }
}

}  // namespace

std::string_view to_string(FaultKind kind) { return names[static_cast<std::size_t>(kind)]; }

std::string describe(const Fault& fault) {
  return "after " + std::to_string(fault.pause / milliseconds(1)) + " ms: " + std::string(to_string(fault.kind)) +
         " at " + std::to_string(fault.at + 1) + " other " + std::to_string(fault.other + 1) + " for " +
         std::to_string(fault.time / milliseconds(1)) + " ms, " + std::to_string(fault.percent) + " %" +
         (fault.flag ? ", flag" : "") +
         (fault.tie ? ", tied to " + describe(*fault.tie) + (fault.is_at_actor ? " there" : " elsewhere") + " after " +
                          std::to_string(fault.delay / milliseconds(1)) + " ms"
                    : "");
}

bool lasts(FaultKind kind) {
  switch (kind) {
    case FaultKind::crash_postgres:
    case FaultKind::no_leader:
    case FaultKind::lose_answer:
    case FaultKind::delay_swap:
    case FaultKind::fail_procedure:
    case FaultKind::freeze_agent:
    case FaultKind::stall_loop:
    case FaultKind::freeze_host:
    case FaultKind::suspend_host:
    case FaultKind::cancel_waits:
    case FaultKind::switch_over:
    case FaultKind::restore_store:
    case FaultKind::promote_by_hand:
    case FaultKind::recycle_wal:
    case FaultKind::pause_site:
    case FaultKind::resume_site:
      return false;
    default:
      return true;
  }
}

void begin_fault(World& world, const Fault& fault) {
  world.tell("** " + std::string(to_string(fault.kind)) + " at " + std::to_string(fault.at + 1) + " other " +
             std::to_string(fault.other + 1) + " " + std::to_string(fault.time / milliseconds(1)) + " ms");
  if (fault.kind == FaultKind::swizzle) world.hit(Mark::swizzle);
  change_links(world, fault, true);
  change_quality(world, fault, true);
  change_store(world, fault, true);
  change_postgres(world, fault, true);
  change_by_people(world, fault, true);
  begin_on_agent(world, fault);
}

void end_fault(World& world, const Fault& fault) {
  world.tell("** end of " + std::string(to_string(fault.kind)) + " at " + std::to_string(fault.at + 1));
  change_links(world, fault, false);
  change_quality(world, fault, false);
  change_store(world, fault, false);
  change_postgres(world, fault, false);
  change_by_people(world, fault, false);
  if (fault.kind == FaultKind::restart_agent || fault.kind == FaultKind::stop_agent) world.start_agent(fault.at);
}

}  // namespace gemel::sim
