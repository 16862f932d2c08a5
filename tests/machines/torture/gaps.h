// G: how long probes got no acknowledged answer, per interval between two marks. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "torture/history.h"
#include "torture/verdict.h"

namespace gemel::torture {

/// One kind of probe in one interval. Times in microseconds; 0 where there was no gap.
struct ProbeFigures {
  std::map<Outcome, std::int64_t> outcomes;
  Time gap_p50 = 0, gap_p99 = 0, gap_max = 0, gap_max_from = 0;
  Time latency_p50 = 0, latency_p99 = 0;
};

struct Interval {
  std::string mark;
  Time from = 0, to = 0;
  ProbeFigures write, read;
};

/// One interval per mark, in order; the last ends with the run. A gap lies between the ends of two acknowledged probes
/// (the end of the run cuts the last one off) and belongs to the interval that holds its beginning plus 50 ms.
std::vector<Interval> measure_gaps(const History& history);
std::string to_json(const std::vector<Interval>& intervals);
/// Violated when no probe of a kind was ever acknowledged, or a gap is longer than `max_gap` (0: no limit).
Verdict check_probes(const History& history, const std::vector<Interval>& intervals, Time max_gap);

}  // namespace gemel::torture
