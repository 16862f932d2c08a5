#include "core/timers.h"

#include <fmt/format.h>

namespace gemel::core {
namespace {

double milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

void check_positive(std::vector<std::string>& mistakes, const char* name, Duration value) {
  if (value <= Duration::zero()) mistakes.push_back(fmt::format("{}_ms must be above 0", name));
}

}  // namespace

std::vector<std::string> check_timers(const Timers& timers) {
  std::vector<std::string> mistakes;
  check_positive(mistakes, "hb", timers.hb);
  check_positive(mistakes, "suspect", timers.suspect);
  check_positive(mistakes, "lease", timers.lease);
  check_positive(mistakes, "grace", timers.grace);
  check_positive(mistakes, "gate", timers.gate);
  check_positive(mistakes, "etcd", timers.etcd);
  check_positive(mistakes, "kill", timers.kill);
  check_positive(mistakes, "sick", timers.sick);
  check_positive(mistakes, "stop", timers.stop);
  check_positive(mistakes, "promote", timers.promote);
  check_positive(mistakes, "stable", timers.stable);
  const double rho = timers.clock_rate_error;
  if (!(rho >= 0.0 && rho < 0.5)) {
    mistakes.push_back(fmt::format("clock_rate_error is {}, it must be at least 0 and below 0.5", rho));
    return mistakes;
  }
  const double earliest_bid = milliseconds(timers.grace) * (1 - rho);
  const double latest_shut = milliseconds(timers.lease) * (1 + rho) + milliseconds(timers.gate);
  if (!(earliest_bid > latest_shut)) {
    mistakes.push_back(
        fmt::format("two primaries could serve: a standby may bid {:.0f} ms after its last confirmation (grace_ms "
                    "{:.0f} x (1 - {})), but "
                    "the old gate may shut only after {:.0f} ms (lease_ms {:.0f} x (1 + {}) + gate_ms {:.0f}); raise "
                    "grace_ms above {:.0f} or "
                    "lower lease_ms",
                    earliest_bid, milliseconds(timers.grace), rho, latest_shut, milliseconds(timers.lease), rho,
                    milliseconds(timers.gate), latest_shut / (1 - rho)));
  }
  if (timers.suspect >= timers.lease) {
    mistakes.push_back(fmt::format(
        "suspect_ms {:.0f} must be below lease_ms {:.0f}, so that a silent standby is removed before the permit ends",
        milliseconds(timers.suspect), milliseconds(timers.lease)));
  }
  if (timers.hb * 4 > timers.suspect) {
    mistakes.push_back(fmt::format(
        "hb_ms {:.0f} must be at most a quarter of suspect_ms {:.0f}, or a single lost packet removes a standby",
        milliseconds(timers.hb), milliseconds(timers.suspect)));
  }
  return mistakes;
}

}  // namespace gemel::core
