#include "outage/journal.h"

#include <fmt/format.h>

#include <algorithm>

namespace gemel::outage {

namespace {

constexpr Time notable = std::chrono::milliseconds(50);
constexpr std::size_t most_notable = 100;

double milliseconds(Time time) { return std::chrono::duration<double, std::milli>(time).count(); }

std::string list(const std::vector<std::int64_t>& values) {
  // The first twenty say enough; the count is given beside.
  const auto shown = std::min<std::size_t>(values.size(), 20);
  return fmt::format("[{}]", fmt::join(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(shown), ","));
}

}  // namespace

void Journal::add_gap(Time until) {
  if (last_acknowledged_ < Time::zero()) return;
  const Gap gap{last_acknowledged_, until};
  if (gap.length() > longest_.length()) longest_ = gap;
  if (gap.length() > notable && notable_.size() < most_notable) notable_.push_back(gap);
}

void Journal::record(Outcome outcome, Time time) {
  outcomes_.push_back(outcome);
  ++counts_[static_cast<std::size_t>(outcome)];
  if (outcome != Outcome::acknowledged) return;
  add_gap(time);
  last_acknowledged_ = time;
}

void Journal::count_attempt(bool has_connected) {
  ++attempts_;
  if (has_connected) ++connections_;
}

void Journal::finish(Time time) { add_gap(time); }

Verdict Journal::verify(const Present& present) const {
  Verdict verdict;
  for (std::size_t index = 0; index < outcomes_.size(); ++index) {
    const auto counter = static_cast<std::int64_t>(index) + 1;
    const bool is_there = present.contains(counter);
    if (outcomes_[index] == Outcome::acknowledged && !is_there) verdict.lost.push_back(counter);
    if (outcomes_[index] == Outcome::refused && is_there) verdict.phantom.push_back(counter);
    if (outcomes_[index] == Outcome::unknown && is_there) ++verdict.unknown_present;
  }
  for (const auto& [counter, times] : present) {
    if (times > 1) verdict.duplicated.push_back(counter);
    if (counter < 1 || counter >= next_counter()) verdict.phantom.push_back(counter);
  }
  return verdict;
}

std::string Journal::acknowledged_ranges() const {
  std::string ranges;
  for (std::size_t first = 0; first < outcomes_.size(); ++first) {
    if (outcomes_[first] != Outcome::acknowledged) continue;
    auto last = first;
    while (last + 1 < outcomes_.size() && outcomes_[last + 1] == Outcome::acknowledged) ++last;
    if (!ranges.empty()) ranges += ',';
    ranges += first == last ? fmt::format("{}", first + 1) : fmt::format("{}-{}", first + 1, last + 1);
    first = last;
  }
  return ranges;
}

std::string Journal::to_json(const std::string& client, const Verdict* verdict) const {
  std::vector<std::string> gaps;
  for (const auto& gap : notable_)
    gaps.push_back(
        fmt::format(R"({{"from_ms":{:.1f},"length_ms":{:.1f}}})", milliseconds(gap.from), milliseconds(gap.length())));
  std::string check = "null";
  if (verdict != nullptr) {
    check = fmt::format(
        R"({{"is_clean":{},"lost":{},"lost_counters":{},"duplicated":{},"phantom":{},"unknown_present":{}}})",
        verdict->is_clean(), verdict->lost.size(), list(verdict->lost), verdict->duplicated.size(),
        verdict->phantom.size(), verdict->unknown_present);
  }
  return fmt::format(
      R"({{"client":"{}","acknowledged":{},"unknown":{},"refused":{},"attempts":{},"connections":{},)"
      R"("longest_gap_ms":{:.1f},"longest_gap_from_ms":{:.1f},"gaps":[{}],"acknowledged_ranges":"{}","verdict":{}}})",
      client, count(Outcome::acknowledged), count(Outcome::unknown), count(Outcome::refused), attempts_, connections_,
      milliseconds(longest_.length()), milliseconds(longest_.from), fmt::join(gaps, ","), acknowledged_ranges(), check);
}

}  // namespace gemel::outage
