#include "torture/gaps.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "torture/checkers.h"

namespace gemel::torture {

namespace {

/// A fault may follow its mark at once and still hit the probe that was acknowledged just before.
constexpr Time grace = 50'000;

double milliseconds(Time time) { return static_cast<double>(time) / 1000; }

/// The value below which `percent` of the sorted values lie (nearest rank); 0 without values.
Time percentile(const std::vector<Time>& sorted, std::size_t percent) {
  if (sorted.empty()) return 0;
  return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

std::size_t interval_at(const std::vector<Interval>& intervals, Time time) {
  std::size_t index = 0;
  while (index + 1 < intervals.size() && intervals[index + 1].from <= time) ++index;
  return index;
}

void measure(std::vector<Interval>& intervals, ProbeFigures Interval::* kind, const std::vector<const Event*>& probes,
             Time end) {
  std::vector<std::vector<Time>> gaps(intervals.size()), latencies(intervals.size());
  const auto add_gap = [&](Time from, Time to) {
    const auto index = interval_at(intervals, std::min(from + grace, to));
    gaps[index].push_back(to - from);
    auto& figures = intervals[index].*kind;
    if (to - from <= figures.gap_max) return;
    figures.gap_max = to - from;
    figures.gap_max_from = from;
  };
  Time last = 0;
  for (const auto* probe : probes) {
    const auto index = interval_at(intervals, probe->from);
    ++(intervals[index].*kind).outcomes[probe->outcome];
    if (probe->outcome != Outcome::acknowledged) continue;
    latencies[index].push_back(probe->to - probe->from);
    if (last != 0) add_gap(last, probe->to);
    last = probe->to;
  }
  if (last != 0 && end > last) add_gap(last, end);
  for (std::size_t index = 0; index < intervals.size(); ++index) {
    auto& figures = intervals[index].*kind;
    std::ranges::sort(gaps[index]);
    std::ranges::sort(latencies[index]);
    figures.gap_p50 = percentile(gaps[index], 50);
    figures.gap_p99 = percentile(gaps[index], 99);
    figures.latency_p50 = percentile(latencies[index], 50);
    figures.latency_p99 = percentile(latencies[index], 99);
  }
}

std::string to_json(const ProbeFigures& figures) {
  const auto count = [&](Outcome outcome) {
    const auto found = figures.outcomes.find(outcome);
    return found == figures.outcomes.end() ? 0 : found->second;
  };
  return fmt::format(
      R"({{"ok":{},"failed":{},"unknown":{},"gap_p50_ms":{:.1f},"gap_p99_ms":{:.1f},"gap_max_ms":{:.1f},)"
      R"("gap_max_from_us":{},"latency_p50_ms":{:.2f},"latency_p99_ms":{:.2f}}})",
      count(Outcome::acknowledged), count(Outcome::refused), count(Outcome::unknown), milliseconds(figures.gap_p50),
      milliseconds(figures.gap_p99), milliseconds(figures.gap_max), figures.gap_max_from,
      milliseconds(figures.latency_p50), milliseconds(figures.latency_p99));
}

}  // namespace

std::vector<Interval> measure_gaps(const History& history) {
  std::vector<Interval> intervals;
  for (const auto& mark : history.marks) {
    if (!intervals.empty()) intervals.back().to = mark.at;
    intervals.push_back({.mark = mark.name, .from = mark.at, .to = history.to, .write = {}, .read = {}});
  }
  if (intervals.empty()) return intervals;
  measure(intervals, &Interval::write, events_of(history, 'G', "write"), history.to);
  measure(intervals, &Interval::read, events_of(history, 'G', "read"), history.to);
  return intervals;
}

std::string to_json(const std::vector<Interval>& intervals) {
  std::vector<std::string> parts;
  for (const auto& interval : intervals)
    parts.push_back(fmt::format(R"({{"mark":{},"from_us":{},"to_us":{},"write":{},"read":{}}})",
                                json_text(interval.mark), interval.from, interval.to, to_json(interval.write),
                                to_json(interval.read)));
  return fmt::format("[{}]", fmt::join(parts, ","));
}

Verdict check_probes(const History& history, const std::vector<Interval>& intervals, Time max_gap) {
  Verdict verdict{.checker = "G"};
  for (const auto* op : {"write", "read"}) {
    Verdict kind;
    count_outcomes(kind, events_of(history, 'G', op));
    for (const auto& [name, count] : kind.counts) verdict.counts[name + " " + op + "s"] = count;
    if (kind.counts["ok"] == 0) verdict.violate(fmt::format("no {} probe was ever acknowledged", op));
  }
  for (const auto& interval : intervals) {
    for (const auto& [name, figures] : {std::pair("write", &interval.write), std::pair("read", &interval.read)}) {
      auto& longest = verdict.counts[fmt::format("ms longest {} gap", name)];
      longest = std::max(longest, figures->gap_max / 1000);
      if (max_gap > 0 && figures->gap_max > max_gap)
        verdict.violate(fmt::format("{}: no {} for {:.1f} ms from {} us on", interval.mark, name,
                                    milliseconds(figures->gap_max), figures->gap_max_from));
    }
  }
  return verdict;
}

}  // namespace gemel::torture
