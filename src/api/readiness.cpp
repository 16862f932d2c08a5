#include "api/readiness.h"

#include "api/json_reflection.h"
#include "base/text.h"

namespace gemel::api {

BOOST_DESCRIBE_STRUCT(ReadinessCheck, (), (name, good, detail))
BOOST_DESCRIBE_STRUCT(ReadinessAnswer, (), (ready, failing, checks))

Result<ReadinessAnswer> parse_readiness(const std::string& json) {
  auto answer = reflection::parse<ReadinessAnswer>(json);
  if (answer && answer->checks.empty()) return fail(ErrorCode::invalid, "it names no checks");
  return answer;
}

std::string failing_checks(const ReadinessAnswer& answer) {
  std::vector<std::string> lines;
  for (const auto& check : answer.checks)
    if (!check.good) lines.push_back(check.name + ": " + check.detail);
  return join(lines, "; ");
}

}  // namespace gemel::api
