// Coroutines with an owner. Every task belongs to a scope that can cancel it, wait for it and name it; nothing is
// ever detached. Also the clocks, and the way to run what blocks.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace gemel::runtime {

template <typename T>
using Task = boost::asio::awaitable<T>;

/// Owns running coroutines. Loop thread only. The destructor cancels what still runs; the io_context must go on
/// running for the tasks to unwind, or be destroyed after the scope (then their frames are destroyed with it). What the
/// tasks refer to must live until they ended: call stop() before destroying it.
///
/// How a cancelled task ends: the operation it waits in ends early (see that operation), and its NEXT co_await throws
/// boost::system::system_error(operation_aborted). That exception unwinds the task and is its normal end; destructors
/// run, so clean up there. Loops therefore need no check of a flag. Code in a catch block cannot wait any more.
class TaskScope {
 public:
  TaskScope(boost::asio::any_io_executor executor, std::string name);
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;
  ~TaskScope();

  /// Starts `task` under a name for logs; it begins to run after this returned. An exception that leaves the task ends
  /// the process (it is a bug), except operation_aborted after cancellation. After stop() began, the task is dropped
  /// without running.
  void spawn(std::string name, Task<void> task);
  /// Cancels all tasks without waiting; later ones are dropped.
  void cancel();
  /// Cancels all tasks and waits until they ended or `limit` passed; then returns the names that are late. Must not be
  /// awaited by a task of the same scope. May be called again to wait longer.
  Task<std::vector<std::string>> stop(Duration limit);
  [[nodiscard]] std::size_t size() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Suspends for `time`. When cancelled in the middle it returns early without error, and the caller's next co_await
/// throws (see TaskScope).
Task<void> sleep_for(Duration time);

/// For work that is done again and again: suspends for about `interval` (half of it to one and a half), until the
/// process's next common moment for that interval. Waking costs more than what such work does, so what is due at about
/// the same time shares one wake-up; the moments of two processes differ. Cancelled like sleep_for.
Task<void> sleep_to_beat(Duration interval);
/// When sleep_to_beat would return, for a timer of one's own.
TimePoint next_beat(Duration interval);

/// CLOCK_BOOTTIME now.
TimePoint boot_now();
/// "2026-01-31T12:00:00.123Z", wall clock, for logs and JSON only.
std::string wall_now();
/// The same, `ahead` from now.
std::string wall_after(Duration ahead);

/// Runs `work` on the small pool of blocking threads (two) and resumes on the loop; an exception of `work` is rethrown
/// here. For fsync, file reads and libraries that block. Cancelling does not stop the work; it still runs to its end
/// before this returns. The io_context must live until then.
Task<void> run_blocking(std::function<void()> work);
/// Leaves work to one further thread; nobody waits for its end, and when the process ends it may not be done. It owns
/// all that it touches and throws nothing. Any thread.
void leave_blocking(std::function<void()> work);

}  // namespace gemel::runtime
