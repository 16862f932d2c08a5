#include "agent/gate_keeper.h"

#include <algorithm>
#include <utility>

namespace gemel::agent {
namespace {

constexpr int most_attempts = 3;

}  // namespace

GateKeeper::Outcome GateKeeper::open(TimePoint until, Status (Gate::*change)(Duration)) {
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    const TimePoint before = now_();
    const Duration life = until - before;
    const auto status = (gate_.*change)(life);
    const TimePoint after = now_();
    const TimePoint end = after + std::max(life, Duration::zero());
    if (!status) {
      // The answer may have been lost: the element is the old one or the new one.
      latest_end_ = std::max(latest_end_, end);
      return failed(status.error(), until + slack_);
    }
    latest_end_ = end;
    if (after - before <= slack_ || life <= Gate::shortest_life) return {};
  }
  return shut();
}

GateKeeper::Outcome GateKeeper::shut() {
  if (auto status = gate_.shut(); !status) return failed(std::move(status.error()), now_());
  latest_end_ = TimePoint{};
  return {};
}

GateKeeper::Outcome GateKeeper::failed(Error error, TimePoint wanted) const {
  Outcome outcome{std::unexpected(std::move(error)), {}};
  if (latest_end_ > wanted) outcome.open_until = latest_end_;
  return outcome;
}

}  // namespace gemel::agent
