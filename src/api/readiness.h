// What a manager answers at GET /readyz, for those who ask it.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace gemel::api {

struct ReadinessCheck {
  std::string name;   // serving, database
  bool good = false;  // also a check that does not count yet may say that it is not
  std::string detail;
};

/// `failing` names the checks for which no request should be sent there.
struct ReadinessAnswer {
  bool ready = false;
  std::vector<std::string> failing;
  std::vector<ReadinessCheck> checks;
};

/// `invalid` when this is no such answer.
Result<ReadinessAnswer> parse_readiness(const std::string& json);

/// "database: no answer for 6.2 s: ..." of each check that is not good; empty when all are. Pure.
std::string failing_checks(const ReadinessAnswer& answer);

}  // namespace gemel::api
