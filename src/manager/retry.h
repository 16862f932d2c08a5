// Repeating an attempt until it succeeds, is final, or the time is over: how a request outlives a failover.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>

#include "base/error.h"
#include "base/time.h"
#include "runtime/task_scope.h"

namespace gemel::manager {

/// Attempts are short at first, because a failover is over within a second and what was sent to the old primary will
/// not be answered; later they are longer, in case the database is only slow.
struct RetryPolicy {
  Duration total = std::chrono::seconds(10);
  Duration pause = std::chrono::milliseconds(60);
  Duration first_attempts = std::chrono::milliseconds(600);
  Duration later_attempts = std::chrono::milliseconds(2000);
  Duration patience = std::chrono::seconds(3);  // after so long, attempts are longer
};

/// True when no repetition can change the answer.
inline bool is_final(ErrorCode code) { return code == ErrorCode::conflict || code == ErrorCode::invalid; }

/// How long the attempt that begins `elapsed` after the first one may take; nothing when the time is over. Pure.
inline std::optional<Duration> attempt_limit(const RetryPolicy& policy, Duration elapsed) {
  const Duration left = policy.total - elapsed;
  if (left <= Duration::zero()) return std::nullopt;
  return std::min(left, elapsed < policy.patience ? policy.first_attempts : policy.later_attempts);
}

template <typename T>
struct Retried {
  Result<T> result;
  unsigned attempts = 0;
};

/// Calls `attempt(limit)` again and again, by the policy. The last error is the answer when the time is over. At least
/// one attempt is made. `attempt` must be safe to repeat after every error that is not final.
template <typename T>
runtime::Task<Retried<T>> retry(RetryPolicy policy, std::function<runtime::Task<Result<T>>(Duration)> attempt) {
  const auto start = runtime::boot_now();
  Retried<T> outcome{fail(ErrorCode::timed_out, "no time for an attempt"), 0};
  while (const auto limit = attempt_limit(policy, runtime::boot_now() - start)) {
    ++outcome.attempts;
    outcome.result = co_await attempt(*limit);
    if (outcome.result || is_final(outcome.result.error().code)) break;
    co_await runtime::sleep_for(policy.pause);
  }
  co_return outcome;
}

}  // namespace gemel::manager
