#include "sim/trial.h"

#include <algorithm>
#include <chrono>

#include "sim/harden.h"
#include "sim/people.h"
#include "sim/player.h"

namespace gemel::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration settling_budget = seconds(20);  // to become whole before the first fault
constexpr Duration liveness_budget = seconds(60);  // ... and after the last
constexpr Duration take_over_budget = seconds(8);  // of which an election of etcd may take 3
constexpr Duration removal_budget = milliseconds(1500);
constexpr Duration settling_time = seconds(3);
constexpr Duration liveness_step = milliseconds(100);

Duration up_to(Random& random, int most_ms) {
  return milliseconds(1 + random.below(static_cast<std::uint64_t>(most_ms)));
}

bool is_one_in(Random& random, std::uint64_t many) { return random.below(many) == 0; }

core::Timers fast_timers() {
  core::Timers timers;
  timers.hb = milliseconds(20);
  timers.suspect = milliseconds(160);
  timers.lease = milliseconds(200);
  timers.grace = milliseconds(280);
  return timers;
}

Conditions conditions_of(Random& random, std::uint64_t seed, const TrialOptions& options) {
  Conditions conditions;
  conditions.seed = seed;
  conditions.hosts = options.hosts != 0 ? options.hosts : is_one_in(random, 4) ? 3 : 2;
  conditions.sync_standbys = conditions.hosts == 3 && seed % 3 != 0 ? 2 : 1;
  conditions.has_voters_apart = is_one_in(random, 2);
  conditions.beginning = is_one_in(random, 12)  ? Beginning::empty
                         : is_one_in(random, 6) ? Beginning::single
                                                : Beginning::whole;
  if (is_one_in(random, 5)) conditions.timers = fast_timers();
  constexpr std::array rates{0.9, 0.95, 1.0, 1.05, 1.1};
  if (!is_one_in(random, 3)) {
    for (auto& rate : conditions.clock_rates) rate = rates[random.below(rates.size())];
  }
  // Fast, so that nothing but the timers keeps two primaries apart; or slow, so that faults fall into procedures.
  if (is_one_in(random, 2)) conditions.procedure_time = is_one_in(random, 2) ? milliseconds(1) : up_to(random, 600);
  if (is_one_in(random, 3)) conditions.store_time = is_one_in(random, 2) ? milliseconds(1) : up_to(random, 200);
  if (is_one_in(random, 4)) conditions.disk_time = up_to(random, 20);
  conditions.clients = static_cast<unsigned>(1 + random.below(3));
  conditions.has_local_writers = is_one_in(random, 2);
  conditions.has_transfers = !is_one_in(random, 3);
  conditions.has_reads = !is_one_in(random, 3);
  return conditions;
}

Fault fault_of(Random& random, const std::vector<FaultKind>& kinds, std::size_t hosts, std::size_t places) {
  Fault fault;
  fault.kind = kinds[random.below(kinds.size())];
  // Many faults close to each other, some after the site is whole again.
  fault.pause = is_one_in(random, 4) ? up_to(random, 4000) : up_to(random, 400);
  fault.time = is_one_in(random, 2) ? up_to(random, 300) : up_to(random, 4000);
  fault.at = static_cast<Place>(random.below(hosts));
  // Mostly between database hosts, sometimes to a place with a voter only.
  const std::size_t reach = is_one_in(random, 4) ? places : hosts;
  fault.other = static_cast<Place>((fault.at + 1 + random.below(reach - 1)) % reach);
  if (fault.kind == FaultKind::isolate && is_one_in(random, 8)) fault.at = static_cast<Place>(random.below(places));
  fault.flag = is_one_in(random, 2);
  fault.percent = static_cast<unsigned>(1 + random.below(60));
  return fault;
}

/// Links go off one by one and on again in another order.
void add_swizzle(Random& random, std::vector<Fault>& faults, std::size_t hosts) {
  for (int link = 0; link < 4; ++link) {
    Fault fault;
    fault.kind = FaultKind::cut_one_way;
    fault.pause = up_to(random, 80);
    fault.time = up_to(random, 1500);
    fault.at = static_cast<Place>(random.below(hosts));
    fault.other = static_cast<Place>((fault.at + 1 + random.below(hosts - 1)) % hosts);
    faults.push_back(fault);
  }
}

bool becomes_whole(World& world, Duration budget) {
  const TimePoint end = world.now() + budget;
  while (!world.is_whole()) {
    if (world.now() >= end || !world.violation().empty()) return false;
    world.run_for(liveness_step);
  }
  return true;
}

/// etcd came back as an old copy. Who knows better stops and asks; where nobody does, the site becomes whole again.
std::string judge_restored(World& world) {
  const TimePoint end = world.now() + liveness_budget;
  while (!world.is_whole() && !world.has_halted()) {
    if (world.now() >= end) return "L1: neither whole nor stopped after etcd was restored: " + world.describe();
    if (!world.violation().empty()) return {};
    world.run_for(liveness_step);
  }
  world.run_for(settling_time);
  world.check_record_served();
  if (world.has_halted()) world.hit(Mark::store_halt);
  return {};
}

/// A host of the whole site is lost for good: writes go on within a time that the protocol promises.
std::string judge_loss(World& world, std::uint64_t seed) {
  // What the faults left behind shows itself first: an outcome to be resolved, a standby to be removed and added again.
  world.run_for(settling_time);
  if (!becomes_whole(world, liveness_budget)) return "L1: whole, and not whole again later: " + world.describe();
  const auto primary = world.primary();
  const bool is_primary_lost = seed % 2 == 0;
  const auto lost = is_primary_lost ? *primary : static_cast<Place>((*primary + 1U) % world.hosts());
  // An election of etcd takes as long as it takes.
  if (!is_primary_lost && world.etcd().leader() == lost) return {};
  world.tell("** the " + std::string(is_primary_lost ? "primary" : "standby") + " is lost");
  world.power_off(lost);
  const TimePoint end = world.now() + (is_primary_lost ? take_over_budget : removal_budget);
  const auto done = world.writes_done();
  while (world.writes_done() == done && world.now() < end && world.violation().empty()) world.run_for(liveness_step);
  if (world.writes_done() > done) return {};
  return (is_primary_lost ? "L3: nobody took over from a lost primary: " : "L4: a lost standby holds up writes: ") +
         world.describe();
}

/// After healing: whole, and a write of a client succeeds.
std::string judge_liveness(World& world) {
  if (!becomes_whole(world, liveness_budget))
    return "L1: not whole 60 s after everything was healed: " + world.describe();
  const auto done = world.writes_done();
  const TimePoint end = world.now() + seconds(5);
  while (world.writes_done() == done && world.now() < end && world.violation().empty()) world.run_for(liveness_step);
  if (world.writes_done() == done) return "L2: whole, but no write succeeds: " + world.describe();
  world.check_end();
  return {};
}

}  // namespace

Plan plan_of(std::uint64_t seed, const TrialOptions& options) {
  Random random(seed * 0x9E3779B97F4A7C15U + 1);
  Plan plan;
  plan.conditions = conditions_of(random, seed, options);
  const std::size_t hosts = plan.conditions.hosts;
  const std::size_t places = hosts == 3 && plan.conditions.has_voters_apart ? 6 : 3;
  // Swarm: some kinds of faults do not exist at all in this trial, so that others come into their own.
  std::vector<FaultKind> kinds;
  for (std::uint8_t kind = 0; kind < static_cast<std::uint8_t>(FaultKind::restore_store); ++kind) {
    if (!is_one_in(random, 3)) continue;
    for (auto weight = 1 + random.below(3); weight > 0; --weight) kinds.push_back(static_cast<FaultKind>(kind));
  }
  // In one of sixteen worlds etcd may come back as an old copy of itself.
  const bool is_restoring = options.worlds >= 2 && seed % 16 == 7;
  if (options.has_store_restore || is_restoring) kinds.push_back(FaultKind::restore_store);
  if (kinds.empty()) kinds.push_back(FaultKind::power_cycle);
  const auto count = 2 + random.below(9);
  for (std::uint64_t index = 0; index < count; ++index) {
    Fault fault = fault_of(random, kinds, hosts, places);
    if (fault.kind == FaultKind::swizzle) add_swizzle(random, plan.faults, places);
    plan.faults.push_back(fault);
  }
  if (options.worlds >= 2) harden(plan, seed);
  if (options.worlds >= 3) add_people(plan, seed);
  return plan;
}

std::string describe(const Plan& plan) {
  const Conditions& c = plan.conditions;
  std::string text = std::to_string(c.hosts) + " hosts" + (c.has_voters_apart ? ", voters apart" : "") +
                     ", synchronous standbys " + std::to_string(c.sync_standbys) + ", beginning " +
                     std::to_string(static_cast<int>(c.beginning)) + ", T_hb " +
                     std::to_string(c.timers.hb / milliseconds(1)) + " ms, clocks";
  for (std::size_t host = 0; host < c.hosts; ++host) text += " " + std::to_string(c.clock_rates[host]);
  text += ", procedures " + std::to_string(c.procedure_time / milliseconds(1)) + " ms, store " +
          std::to_string(c.store_time / milliseconds(1)) + " ms, " + std::to_string(c.clients) + " clients" +
          (c.has_local_writers ? ", local writers" : "") + "\n";
  for (const auto& fault : plan.faults) text += "  " + describe(fault) + "\n";
  return text;
}

Verdict run_plan(const Plan& plan, const TrialOptions& options) {
  World world(plan.conditions, options.mutation, options.wants_story);
  Verdict verdict;
  if (plan.conditions.hosts == 3) world.hit(Mark::third_host);
  if (plan.conditions.timers.hb < core::Timers{}.hb) world.hit(Mark::fast_timers);
  const TimePoint began = world.now();
  becomes_whole(world, settling_budget);
  Player player(world, plan.faults);
  if (world.violation().empty()) player.play();
  if (world.violation().empty()) {
    world.tell("** everything is healed");
    world.heal();
    verdict.complaint = world.is_store_restored() ? judge_restored(world) : judge_liveness(world);
    // A site that must have two copies does not serve with one.
    const bool is_loss_judged = options.worlds >= 2 && plan.conditions.min_copies == 1 && !world.is_store_restored();
    if (verdict.complaint.empty() && is_loss_judged) verdict.complaint = judge_loss(world, plan.conditions.seed);
  }
  if (!world.violation().empty()) verdict.complaint = world.violation();
  if (!verdict.complaint.empty()) world.tell("** " + verdict.complaint);
  verdict.hash = world.hash();
  verdict.steps = world.steps();
  verdict.virtual_time = world.now() - began;
  verdict.marks = world.marks();
  verdict.story = world.story();
  return verdict;
}

Verdict run_trial(std::uint64_t seed, const TrialOptions& options) { return run_plan(plan_of(seed, options), options); }

Plan shrink(Plan plan, const TrialOptions& options) {
  TrialOptions quiet = options;
  quiet.wants_story = false;
  const auto kind_of = [](const std::string& complaint) { return complaint.substr(0, complaint.find(':')); };
  const std::string kind = kind_of(run_plan(plan, quiet).complaint);
  for (bool is_shorter = true; is_shorter;) {
    is_shorter = false;
    for (std::size_t index = 0; index < plan.faults.size(); ++index) {
      Plan shorter = plan;
      const Duration pause = shorter.faults[index].pause;
      shorter.faults.erase(shorter.faults.begin() + static_cast<std::ptrdiff_t>(index));
      if (index < shorter.faults.size()) shorter.faults[index].pause += pause;
      if (kind_of(run_plan(shorter, quiet).complaint) != kind) continue;
      plan = shorter;
      is_shorter = true;
      break;
    }
  }
  return plan;
}

}  // namespace gemel::sim
