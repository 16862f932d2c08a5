// Whether this manager should get requests. Pure: time is an argument.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/time.h"

namespace gemel::manager {

/// A database that is silent for less than this is failing over: the requests wait for it here, and taking both
/// managers out of the balancer would turn a second's wait into errors.
inline constexpr auto database_patience = std::chrono::seconds(15);

struct Check {
  std::string name;
  bool is_good = true;    // what a person sees
  bool is_needed = true;  // counts against readiness when not good
  std::string detail;
};

struct Readiness {
  bool is_ready = true;
  std::vector<Check> checks;
};

/// Filled by the loop thread: by the database's watcher and by the end of the program.
class ReadinessState {
 public:
  explicit ReadinessState(TimePoint start) : database_good_at_(start) {}
  void database_answered(TimePoint now);
  void database_failed(std::string reason);
  void drain() { is_draining_ = true; }
  [[nodiscard]] bool is_draining() const { return is_draining_; }
  [[nodiscard]] Readiness judge(TimePoint now) const;

 private:
  TimePoint database_good_at_;                    // last answer, or the start
  std::string database_error_ = "not asked yet";  // empty: the last question was answered
  bool is_draining_ = false;
};

/// {"ready": …, "failing": ["database"], "checks": [{"name", "good", "detail"}]}
std::string to_json(const Readiness& readiness);

}  // namespace gemel::manager
