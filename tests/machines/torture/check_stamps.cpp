// E: who acknowledged, and when. A commit took place at some point between its sending and its answer, so a node has
// certainly served from its earliest answer to its latest sending.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "torture/checkers.h"

namespace gemel::torture {

namespace {

struct Stamp {
  std::string node;
  std::int64_t timeline = 0;
  Time from = 0, to = 0;
};

/// The time for which one node certainly served one timeline.
struct Service {
  Time first_answer = std::numeric_limits<Time>::max();
  Time last_sending = std::numeric_limits<Time>::min();
};

using Services = std::map<std::pair<std::int64_t, std::string>, Service>;  // by timeline and node

void check_overlaps(Verdict& verdict, const Services& services) {
  for (auto one = services.begin(); one != services.end(); ++one) {
    for (auto other = std::next(one); other != services.end(); ++other) {
      const auto& [timeline, node] = one->first;
      const auto& [later_timeline, later_node] = other->first;
      if (timeline == later_timeline)
        verdict.violate(fmt::format("timeline {} was served by {} and by {}", timeline, node, later_node));
      // All commits of one can lie before all of the other only if its last was sent before the other's first answer.
      const auto& a = one->second;
      const auto& b = other->second;
      const bool is_before = a.last_sending <= b.first_answer || b.last_sending <= a.first_answer;
      if (!is_before)
        verdict.violate(fmt::format(
            "{} (timeline {}) and {} (timeline {}) served at the same time, {} us", node, timeline, later_node,
            later_timeline, std::min(a.last_sending, b.last_sending) - std::max(a.first_answer, b.first_answer)));
    }
  }
}

/// A commit that was sent after another had been answered is not on an earlier timeline.
void check_order(Verdict& verdict, std::vector<Stamp> stamps) {
  auto by_answer = stamps;
  std::ranges::sort(stamps, {}, &Stamp::from);
  std::ranges::sort(by_answer, {}, &Stamp::to);
  const Stamp* newest = nullptr;  // the highest timeline answered so far
  std::size_t answered = 0;
  for (const auto& stamp : stamps) {
    for (; answered < by_answer.size() && by_answer[answered].to < stamp.from; ++answered)
      if (newest == nullptr || by_answer[answered].timeline > newest->timeline) newest = &by_answer[answered];
    if (newest != nullptr && stamp.timeline < newest->timeline)
      verdict.violate(fmt::format("{} acknowledged on timeline {} at {} us, after {} had on timeline {} at {} us",
                                  stamp.node, stamp.timeline, stamp.from, newest->node, newest->timeline, newest->to));
  }
}

}  // namespace

Verdict check_stamps(const History& history) {
  Verdict verdict{.checker = "E"};
  const auto events = events_of(history, 'E', "stamp");
  count_outcomes(verdict, events);
  std::vector<Stamp> stamps;
  Services services;
  for (const auto* event : events) {
    if (event->outcome != Outcome::acknowledged) continue;
    const Stamp stamp{event->out.at(0), std::stoll(event->out.at(1)), event->from, event->to};
    auto& service = services[{stamp.timeline, stamp.node}];
    service.first_answer = std::min(service.first_answer, stamp.to);
    service.last_sending = std::max(service.last_sending, stamp.from);
    stamps.push_back(stamp);
  }
  check_overlaps(verdict, services);
  check_order(verdict, std::move(stamps));
  verdict.counts["reigns"] = static_cast<std::int64_t>(services.size());
  return verdict;
}

}  // namespace gemel::torture
