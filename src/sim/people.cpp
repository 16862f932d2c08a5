#include "sim/people.h"

#include <array>
#include <chrono>

namespace gemel::sim {
namespace {

using std::chrono::milliseconds;

bool is_one_in(Random& random, std::uint64_t many) { return random.below(many) == 0; }

Duration up_to(Random& random, int most_ms) {
  return milliseconds(1 + random.below(static_cast<std::uint64_t>(most_ms)));
}

void insert(Random& random, std::vector<Fault>& faults, const Fault& fault) {
  const auto at = static_cast<std::ptrdiff_t>(random.below(faults.size() + 1));
  faults.insert(faults.begin() + at, fault);
}

/// People are slow: seconds after the fault before, mostly.
Fault deed(Random& random, FaultKind kind, std::size_t hosts) {
  Fault fault;
  fault.kind = kind;
  fault.pause = is_one_in(random, 3) ? up_to(random, 300) : up_to(random, 3000);
  fault.at = static_cast<Place>(random.below(hosts));
  fault.other = static_cast<Place>((fault.at + 1 + random.below(hosts - 1)) % hosts);
  fault.flag = is_one_in(random, 2);
  return fault;
}

/// Some run out, some are ended early, some replaced by another one.
void add_pauses(Random& random, Plan& plan) {
  const std::size_t hosts = plan.conditions.hosts;
  for (auto count = 1 + random.below(2); count > 0; --count) {
    Fault pause = deed(random, FaultKind::pause_site, hosts);
    pause.time = core::shortest_pause + up_to(random, 4000);
    insert(random, plan.faults, pause);
  }
  for (auto count = random.below(3); count > 0; --count)
    insert(random, plan.faults, deed(random, FaultKind::resume_site, hosts));
  // Long enough for the others to bid out of it, with the holder cut off, sometimes just after its agent restarted.
  if (is_one_in(random, 3)) {
    if (is_one_in(random, 2)) {
      Fault pause = deed(random, FaultKind::pause_site, hosts);
      pause.time = core::shortest_pause;
      Fault restart = deed(random, FaultKind::restart_agent, hosts);
      restart.pause = milliseconds(4000) + up_to(random, 4000);
      restart.at = 0;
      restart.time = up_to(random, 200);
      plan.faults.insert(plan.faults.end(), {pause, restart});
    }
    Fault isolate = deed(random, FaultKind::isolate, hosts);
    isolate.at = static_cast<Place>(is_one_in(random, 3) ? random.below(hosts) : 0);
    isolate.time = core::shortest_pause * 2;
    plan.faults.push_back(isolate);
    Fault rest = deed(random, FaultKind::resume_site, hosts);
    rest.pause = core::shortest_pause * 3 / 2 + up_to(random, 3000);
    plan.faults.push_back(rest);
  }
}

void add_blindness(Random& random, Plan& plan) {
  plan.conditions.service_targets = 3;
  for (auto count = 1 + random.below(3); count > 0; --count) {
    Fault blind = deed(random, FaultKind::blind_service, plan.conditions.hosts);
    blind.time = milliseconds(2000) + up_to(random, 4000);
    insert(random, plan.faults, blind);
  }
}

/// One host stays behind; then all of S is lost, and an operator takes what is there.
void add_force(Random& random, Plan& plan) {
  const std::size_t hosts = plan.conditions.hosts;
  Fault isolate = deed(random, is_one_in(random, 2) ? FaultKind::isolate : FaultKind::cut_streams, hosts);
  isolate.at = static_cast<Place>(hosts - 1);
  isolate.other = 0;
  isolate.time = milliseconds(1000) + up_to(random, 2000);
  Fault force = deed(random, FaultKind::force, hosts);
  force.pause = isolate.time + up_to(random, 1500);
  force.time = milliseconds(2000) + up_to(random, 5000);
  Fault rest = deed(random, is_one_in(random, 2) ? FaultKind::crash_postgres : FaultKind::switch_over, hosts);
  rest.pause = milliseconds(2500) + up_to(random, 4000);
  plan.faults.insert(plan.faults.end(), {isolate, force, rest});
}

}  // namespace

void add_people(Plan& plan, std::uint64_t seed) {
  Random random(seed * 0xA24BAED4963EE407U + 5);
  plan.conditions.refused_look_percent = 40;
  if (is_one_in(random, 2)) return;
  const std::size_t hosts = plan.conditions.hosts;
  if (is_one_in(random, 2)) {
    for (auto count = 1 + random.below(2); count > 0; --count)
      insert(random, plan.faults, deed(random, FaultKind::promote_by_hand, hosts));
  }
  if (is_one_in(random, 3)) insert(random, plan.faults, deed(random, FaultKind::recycle_wal, hosts));
  if (is_one_in(random, 2)) add_pauses(random, plan);
  if (is_one_in(random, 4)) add_blindness(random, plan);
  if (is_one_in(random, 5)) plan.conditions.min_copies = 2;
  if (is_one_in(random, 4)) add_force(random, plan);
}

}  // namespace gemel::sim
