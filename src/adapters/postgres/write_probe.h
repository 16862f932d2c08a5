// The write probe of a primary: a small transaction every half second, so that a disk that no longer finishes fsync is
// noticed although reads go on (failure-modes, finding 5).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "adapters/postgres/postgres_config.h"
#include "base/time.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::postgres {

/// Loop thread only. The task runs until the scope it was spawned in ends; it idles while not a primary.
class WriteProbe {
 public:
  explicit WriteProbe(Duration fresh);
  /// The loop of the probe; spawn once.
  [[nodiscard]] runtime::Task<void> run(boost::asio::any_io_executor executor, PostgresConfig config) const;
  /// Becoming a primary starts the age at 0.
  void set_primary(bool is_primary) const;
  void finish() const;
  /// Since the last answer; 0 while not a primary or while answers are fresh.
  [[nodiscard]] Duration age() const;

 private:
  struct State;
  static runtime::Task<void> loop(std::shared_ptr<State> state, boost::asio::any_io_executor executor,
                                  PostgresConfig config);
  std::shared_ptr<State> state_;
};

}  // namespace gemel::adapters::postgres
