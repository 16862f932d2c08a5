// Judgement and JSON of readiness.
#include "manager/readiness.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace gemel::manager {

void ReadinessState::database_answered(TimePoint now) {
  database_good_at_ = now;
  database_error_.clear();
}

void ReadinessState::database_failed(std::string reason) {
  database_error_ = reason.empty() ? "no answer" : std::move(reason);
}

Readiness ReadinessState::judge(TimePoint now) const {
  Readiness readiness;
  readiness.checks.push_back(
      {"serving", !is_draining_, true, is_draining_ ? "this manager is being stopped" : "accepts requests"});
  Check database{"database", database_error_.empty(), false, "answers"};
  if (!database.is_good) {
    const auto silent = now - database_good_at_;
    database.is_needed = silent > database_patience;
    database.detail =
        fmt::format("no answer for {:.1f} s: {}", std::chrono::duration<double>(silent).count(), database_error_);
  }
  readiness.checks.push_back(std::move(database));
  for (const auto& check : readiness.checks)
    readiness.is_ready = readiness.is_ready && (check.is_good || !check.is_needed);
  return readiness;
}

std::string to_json(const Readiness& readiness) {
  boost::json::array failing, checks;
  for (const auto& check : readiness.checks) {
    if (!check.is_good && check.is_needed) failing.emplace_back(check.name);
    checks.push_back(boost::json::object{{"name", check.name}, {"good", check.is_good}, {"detail", check.detail}});
  }
  return boost::json::serialize(boost::json::object{
      {"ready", readiness.is_ready}, {"failing", std::move(failing)}, {"checks", std::move(checks)}});
}

}  // namespace gemel::manager
