#include "site/timer_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "site/growth.h"
#include "site/host_work.h"

namespace gemel::site {
namespace {

/// What decides who serves, in milliseconds; the rate is a fraction.
struct Terms {
  double lease, grace, gate, rate;
};

double milliseconds(Duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

Terms terms_of(const core::Timers& timers) {
  return {milliseconds(timers.lease), milliseconds(timers.grace), milliseconds(timers.gate), timers.clock_rate_error};
}

/// Nothing when the host does not say all of them.
std::optional<Terms> terms_of(const HostFacts& facts) {
  const auto value = [&](const char* key) -> std::optional<double> {
    const auto found = facts.timers.find(key);
    return found == facts.timers.end() ? std::nullopt : std::optional(found->second);
  };
  const auto lease = value("lease_ms"), grace = value("grace_ms"), gate = value("gate_ms");
  const auto rate = value("clock_rate_error");
  if (!lease || !grace || !gate || !rate) return std::nullopt;
  return Terms{*lease, *grace, *gate, *rate};
}

/// The rule of core::check_timers, with the holder's and the bidder's own figures and the worse of both clocks.
bool can_meet(const Terms& holder, const Terms& bidder) {
  const auto rate = std::max(holder.rate, bidder.rate);
  const auto gate = std::max(holder.gate, bidder.gate);
  return bidder.grace * (1 - rate) <= holder.lease * (1 + rate) + gate;
}

}  // namespace

std::vector<Problem> problems_of_timers(const PlanInput& input) {
  std::vector<Problem> problems;
  if (input.site.is_standalone() || growth_of(input)) return problems;
  const auto next = terms_of(input.site.timers);
  for (const auto& host : input.site.hosts) {
    const auto found = input.facts.find(host.name);
    if (!host.concepts.database || found == input.facts.end()) continue;
    const auto& facts = found->second;
    if (facts.site_id != input.manifest.site_id || !facts.running_units.contains(std::string(agent_unit))) continue;
    const auto former = terms_of(facts);
    if (!former || (!can_meet(*former, next) && !can_meet(next, *former))) continue;
    problems.push_back(
        {ProblemCode::timers_apart, host.name, true,
         fmt::format("it runs with lease_ms {:.0f} and grace_ms {:.0f}, the site file has {:.0f} and {:.0f}",
                     former->lease, former->grace, next.lease, next.grace),
         "the hosts are changed one after the other, and meanwhile one could take over while another still serves",
         fmt::format(
             "in two runs: first the timers with the shorter lease ({:.0f}) and over them grace_ms = {:.0f}, then "
             "those that you want",
             std::min(former->lease, next.lease), std::max(former->grace, next.grace))});
  }
  return problems;
}

}  // namespace gemel::site
