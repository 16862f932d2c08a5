#include "sim/harden.h"

#include <array>
#include <chrono>
#include <utility>
#include <vector>

namespace gemel::sim {
namespace {

using core::SwapPurpose;
using std::chrono::milliseconds;
using namespace core::action;

bool is_one_in(Random& random, std::uint64_t many) { return random.below(many) == 0; }

Duration up_to(Random& random, int most_ms) {
  return milliseconds(1 + random.below(static_cast<std::uint64_t>(most_ms)));
}

/// A little shorter or longer than one of the protocol's timers.
Duration near_timer(Random& random, const core::Timers& timers) {
  const std::array durations{2 * timers.hb, timers.suspect, timers.suspect, timers.lease, timers.lease,
                             timers.grace,  timers.grace,   timers.etcd,    timers.kill,  timers.sick,
                             timers.stop,   timers.promote, timers.stable};
  return durations[random.below(durations.size())] * static_cast<int>(80 + random.below(50)) / 100;
}

/// What a snare waits for, and faults that make it likely to come.
struct Occasion {
  std::vector<Moment> moments;
  std::vector<FaultKind> provocations;
};

const std::vector<Occasion>& occasions() {
  using enum FaultKind;
  static const std::vector<Occasion> list{
      {{sent(SwapPurpose::bid), applied(SwapPurpose::bid), {MomentKind::quiesced, 0}},
       {power_cycle, isolate, freeze_host, cut_datagrams, suspend_host}},
      {{begun(MarkServed{}),
        begun(Promote{}),
        ended(Promote{}),
        sent(SwapPurpose::cut),
        applied(SwapPurpose::cut),
        {MomentKind::opened, 0},
        ended(Checkpoint{})},
       {power_cycle, isolate, crash_postgres, switch_over, freeze_host}},
      {{begun(SetNames{}), sent(SwapPurpose::add), applied(SwapPurpose::add)},
       {power_cycle, isolate, cut_streams, cut_pair, crash_postgres}},
      {{sent(SwapPurpose::remove), applied(SwapPurpose::remove)}, {power_cycle, isolate, cut_pair, crash_postgres}},
      {{sent(SwapPurpose::resign), applied(SwapPurpose::resign), begun(StopPostgres{}), ended(StopPostgres{})},
       {crash_postgres, switch_over, stop_agent, stall_disk}},
      {{sent(SwapPurpose::claim), applied(SwapPurpose::claim)}, {restart_agent}},
      {{begun(Rewind{}), ended(Rewind{}), begun(Clone{}), ended(Clone{}), begun(StartPostgres{}),
        begun(KillPostgres{})},
       {power_cycle, isolate, crash_postgres}},
  };
  return list;
}

FaultKind snare_kind(Random& random) {
  using enum FaultKind;
  static constexpr std::array kinds{isolate,       isolate,        isolate,        cut_one_way,   cut_datagrams,
                                    cut_streams,   power_cycle,    power_cycle,    freeze_host,   suspend_host,
                                    freeze_agent,  stall_loop,     stall_loop,     restart_agent, restart_agent,
                                    restart_agent, crash_postgres, lose_answer,    lose_answer,   delay_swap,
                                    delay_swap,    delay_swap,     stale_reads,    watch_gap,     no_leader,
                                    store_down,    stall_disk,     fail_procedure, cancel_waits,  switch_over};
  return kinds[random.below(kinds.size())];
}

void add_snare(Random& random, std::vector<Fault>& faults, const Conditions& conditions) {
  const auto& all = occasions();
  const Occasion& occasion = all[random.below(all.size())];
  const Moment moment = occasion.moments[random.below(occasion.moments.size())];
  // Several things at the same moment, or one after the other.
  for (auto count = 1 + random.below(3); count > 0; --count) {
    Fault fault;
    fault.kind = snare_kind(random);
    fault.tie = is_one_in(random, 4) ? occasion.moments[random.below(occasion.moments.size())] : moment;
    fault.is_at_actor = !is_one_in(random, 3);
    fault.delay = is_one_in(random, 2)   ? Duration{0}
                  : is_one_in(random, 3) ? near_timer(random, conditions.timers)
                                         : up_to(random, 60);
    fault.time = is_one_in(random, 2) ? near_timer(random, conditions.timers) : up_to(random, 300);
    fault.other = static_cast<Place>(random.below(conditions.hosts));
    fault.flag = is_one_in(random, 2);
    fault.percent = static_cast<unsigned>(1 + random.below(60));
    faults.push_back(fault);
  }
  Fault provocation;
  provocation.kind = occasion.provocations[random.below(occasion.provocations.size())];
  provocation.pause = up_to(random, 300);
  provocation.time = near_timer(random, conditions.timers);
  provocation.at = static_cast<Place>(random.below(conditions.hosts));
  provocation.other = static_cast<Place>((provocation.at + 1U) % conditions.hosts);
  provocation.flag = is_one_in(random, 2);
  faults.push_back(provocation);
}

struct Tied {
  FaultKind kind{};
  Moment moment;
  bool is_at_actor = true;
  Duration time{0};
  Duration delay{0};
};

Fault tied(const Tied& what) {
  Fault fault;
  fault.kind = what.kind;
  fault.tie = what.moment;
  fault.is_at_actor = what.is_at_actor;
  fault.time = what.time;
  fault.delay = what.delay;
  return fault;
}

Fault plain(FaultKind kind, Place at, std::size_t hosts, Duration time) {
  Fault fault;
  fault.kind = kind;
  fault.pause = milliseconds(100);
  fault.at = at;
  fault.other = static_cast<Place>((at + 1U) % hosts);
  fault.time = time;
  fault.flag = true;
  return fault;
}

/// Conjunctions that chance would hardly make, one for each way in which two members could be right at once.
std::vector<Fault> trap_of(Random& random, const Conditions& conditions) {
  using enum FaultKind;
  const core::Timers& timers = conditions.timers;
  const std::size_t hosts = conditions.hosts;
  // Mostly the first holder.
  const auto host = static_cast<Place>(is_one_in(random, 3) ? random.below(hosts) : 0);
  const Duration shortly = up_to(random, 80);
  const Duration long_time = timers.grace * 2 + near_timer(random, timers);
  switch (random.below(hosts == 3 ? 7 : 6)) {
    case 0:  // an add arrives after the agent that sent it was replaced
      return {tied({delay_swap, sent(SwapPurpose::add), true, near_timer(random, timers)}),
              tied({restart_agent, sent(SwapPurpose::add), true, shortly}),
              plain(power_cycle, host, hosts, timers.lease)};
    case 1:  // a bid arrives after the agent that sent it was replaced, and the holder is heard again meanwhile
      return {tied({delay_swap, sent(SwapPurpose::bid), true, timers.lease / 2 + up_to(random, 400)}),
              tied({restart_agent, sent(SwapPurpose::bid), true, shortly}),
              tied({stall_loop, applied(SwapPurpose::bid), false, timers.lease}),
              tied({is_one_in(random, 2) ? cut_datagrams : isolate, applied(SwapPurpose::bid), is_one_in(random, 2),
                    long_time}),
              plain(is_one_in(random, 2) ? cut_pair : isolate, host, hosts, timers.grace + up_to(random, 150))};
    case 2:  // who adds is cut off before it learns that it did
      return {tied({lose_answer, sent(SwapPurpose::add), true}),
              tied({isolate, applied(SwapPurpose::add), true, long_time}),
              plain(power_cycle, host, hosts, timers.lease)};
    case 3:  // who resigns is cut off before it learns that it did
      return {tied({lose_answer, sent(SwapPurpose::resign), true}),
              tied({isolate, applied(SwapPurpose::resign), true, long_time}),
              plain(is_one_in(random, 2) ? stall_disk : switch_over, host, hosts,
                    timers.sick * 5 / 4 + up_to(random, 1000))};
    case 4:  // a taker dies half-way, and another one takes over from the same S
      return {
          tied({is_one_in(random, 2) ? power_cycle : isolate, ended(Promote{}), true, long_time, shortly / 2}),
          tied({crash_postgres, applied(SwapPurpose::cut), true, shortly, shortly}),
          plain(is_one_in(random, 2) ? power_cycle : isolate, host, hosts, timers.grace + near_timer(random, timers))};
    case 6:  // a holder starts again alone, a third host receives from it, and it is lost before it cut S
      return {tied({delay_swap, sent(SwapPurpose::cut), true, long_time * 2}),
              tied({isolate, sent(SwapPurpose::cut), true, long_time * 2, milliseconds(100) + up_to(random, 250)}),
              plain(freeze_agent, 1, hosts, timers.lease + up_to(random, 400)),
              plain(freeze_agent, 2, hosts, timers.lease + up_to(random, 400)), plain(power_cycle, 0, hosts, shortly)};
    default:  // the agent of a taker ends half-way
      return {tied({restart_agent, is_one_in(random, 2) ? ended(Promote{}) : sent(SwapPurpose::cut), true, shortly}),
              tied({isolate, ended(Promote{}), true, near_timer(random, timers)}),
              plain(is_one_in(random, 2) ? crash_postgres : isolate, host, hosts, timers.grace * 2)};
  }
}

}  // namespace

void harden(Plan& plan, std::uint64_t seed) {
  Random random(seed * 0xD1342543DE82EF95U + 7);
  // Mostly away from the first holder, as the agents keep it.
  if (!is_one_in(random, 3)) plan.conditions.first_leader = 2;
  for (auto& fault : plan.faults) {
    if (is_one_in(random, 3)) fault.time = near_timer(random, plan.conditions.timers);
  }
  for (auto count = random.below(4); count > 0; --count) {
    std::vector<Fault> snare;
    add_snare(random, snare, plan.conditions);
    const auto at = static_cast<std::ptrdiff_t>(random.below(plan.faults.size() + 1));
    plan.faults.insert(plan.faults.begin() + at, snare.begin(), snare.end());
  }
  if (is_one_in(random, 2)) {
    const auto trap = trap_of(random, plan.conditions);
    plan.faults.insert(plan.faults.begin(), trap.begin(), trap.end());
    // What it waits for comes after seconds.
    Fault rest = plan.faults.back();
    rest.pause = milliseconds(4000);
    plan.faults.push_back(rest);
  }
}

}  // namespace gemel::sim
