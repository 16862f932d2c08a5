#include "runtime/task_scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <stdexcept>
#include <thread>

#include "runtime/test_loop.h"

namespace gemel::runtime {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

struct Trace {
  int rounds = 0;
  bool is_unwound = false;
};

class OnUnwind {
 public:
  explicit OnUnwind(Trace* trace) : trace_(trace) {}
  OnUnwind(const OnUnwind&) = delete;
  OnUnwind& operator=(const OnUnwind&) = delete;
  ~OnUnwind() { trace_->is_unwound = true; }

 private:
  Trace* trace_;
};

Task<void> tick_for_ever(Trace* trace) {
  const OnUnwind unwind(trace);
  while (true) {
    ++trace->rounds;
    co_await sleep_for(hours(1));
  }
}

Task<void> hold_a_blocking_thread(std::function<void()> work) { co_await run_blocking(std::move(work)); }

Task<void> stop_and_check(TaskScope* scope, Trace* trace) {
  while (trace->rounds == 0) co_await sleep_for(milliseconds(1));
  EXPECT_THAT(co_await scope->stop(hours(1)), IsEmpty());
  EXPECT_EQ(trace->rounds, 2);  // the sleep ended early, the next one threw
  EXPECT_TRUE(trace->is_unwound);
  EXPECT_EQ(scope->size(), 0U);
}

TEST(TaskScope, cancels_a_loop_that_checks_nothing) {
  TestLoop loop;
  Trace trace;
  TaskScope scope(loop.executor(), "scope");
  scope.spawn("ticker", tick_for_ever(&trace));
  loop.run(stop_and_check(&scope, &trace));
}

Task<void> stop_twice(TaskScope* scope, std::function<bool()> has_begun, std::function<void()> release) {
  while (!has_begun()) co_await sleep_for(milliseconds(1));
  EXPECT_THAT(co_await scope->stop(milliseconds(20)), ElementsAre("stubborn"));
  release();
  EXPECT_THAT(co_await scope->stop(hours(1)), IsEmpty());
}

TEST(TaskScope, names_the_tasks_that_are_late) {
  TestLoop loop;
  std::atomic<bool> has_begun = false, may_end = false;
  TaskScope scope(loop.executor(), "scope");
  scope.spawn("stubborn", hold_a_blocking_thread([&] {
                has_begun = true;
                may_end.wait(false);
              }));
  const auto release = [&may_end] {
    may_end = true;
    may_end.notify_all();
  };
  loop.run(stop_twice(&scope, [&has_begun] { return has_begun.load(); }, release));
}

Task<void> spawn_after_stop(TaskScope* scope, Trace* trace) {
  co_await scope->stop(hours(1));
  scope->spawn("too late", tick_for_ever(trace));
  EXPECT_EQ(scope->size(), 0U);
}

Task<void> note_and_end(bool* is_done) {
  *is_done = true;
  co_return;
}

// Who cancels from outside the loop leaves the cancellation in the loop's queue, where it may stand behind the task's
// end.
TEST(TaskScope, may_be_cancelled_from_outside_when_a_task_has_just_ended) {
  boost::asio::io_context loop;
  for (int handlers = 1; handlers < 6; ++handlers) {
    TaskScope each(loop.get_executor(), "each");
    bool is_done = false;
    each.spawn("ends", note_and_end(&is_done));
    for (int i = 0; i < handlers; ++i) loop.run_one();
    each.cancel();
    loop.restart();
    loop.run();
    loop.restart();
    EXPECT_EQ(each.size(), 0U);
  }
}

TEST(TaskScope, drops_a_task_after_stop) {
  TestLoop loop;
  Trace trace;
  TaskScope scope(loop.executor(), "scope");
  loop.run(spawn_after_stop(&scope, &trace));
  EXPECT_EQ(trace.rounds, 0);
}

TEST(TaskScope, never_runs_a_task_cancelled_before_it_began) {
  TestLoop loop;
  Trace trace;
  {
    TaskScope scope(loop.executor(), "scope");
    scope.spawn("ticker", tick_for_ever(&trace));
  }
  loop.run(sleep_for(milliseconds(1)));
  EXPECT_EQ(trace.rounds, 0);
}

TEST(TaskScope, destroying_the_loop_unwinds_what_runs) {
  Trace trace;
  {
    boost::asio::io_context context;
    TaskScope scope(context.get_executor(), "scope");
    scope.spawn("ticker", tick_for_ever(&trace));
    context.poll();
    EXPECT_EQ(trace.rounds, 1);
  }
  EXPECT_TRUE(trace.is_unwound);
}

Task<void> throw_a_bug() {
  co_await sleep_for(milliseconds(0));
  throw std::runtime_error("a bug");
}

TEST(TaskScopeDeathTest, an_exception_that_leaves_a_task_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        boost::asio::io_context context;
        TaskScope scope(context.get_executor(), "scope");
        scope.spawn("faulty", throw_a_bug());
        context.run();
      },
      "exception left task scope/faulty: a bug");
}

Task<void> compare_threads() {
  const auto loop_thread = std::this_thread::get_id();
  std::thread::id work_thread;
  co_await run_blocking([&work_thread] { work_thread = std::this_thread::get_id(); });
  EXPECT_NE(work_thread, loop_thread);
  EXPECT_EQ(std::this_thread::get_id(), loop_thread);
}

TEST(RunBlocking, works_on_another_thread_and_comes_back) {
  TestLoop loop;
  loop.run(compare_threads());
}

Task<void> expect_exception() {
  bool is_caught = false;
  try {
    co_await run_blocking([] { throw std::runtime_error("disk"); });
  } catch (const std::runtime_error&) {
    is_caught = true;
  }
  EXPECT_TRUE(is_caught);
}

TEST(RunBlocking, hands_an_exception_over) {
  TestLoop loop;
  loop.run(expect_exception());
}

TEST(Beat, work_of_different_intervals_shares_its_moments) {
  const auto distance = [](TimePoint a, TimePoint b) {
    return std::abs((a - b).count()) % Duration(milliseconds(250)).count();
  };
  const TimePoint fast = next_beat(milliseconds(250)), slow = next_beat(milliseconds(1000));
  EXPECT_EQ(distance(fast, slow), 0);
  EXPECT_EQ(distance(fast, next_beat(milliseconds(500))), 0);
}

TEST(Beat, comes_after_half_an_interval_and_before_one_and_a_half) {
  for (const auto interval : {milliseconds(1), milliseconds(250), milliseconds(60'000)}) {
    const TimePoint before = boot_now();
    const Duration left = next_beat(interval) - before;
    EXPECT_GE(left, Duration(interval) / 2);
    EXPECT_LT(left, Duration(interval) * 3 / 2 + (boot_now() - before));
  }
}

TEST(Clocks, boot_time_grows_and_wall_time_has_its_form) {
  const auto first = boot_now();
  EXPECT_GE(boot_now(), first);
  EXPECT_THAT(wall_now(), testing::MatchesRegex("[0-9-]{10}T[0-9:]{8}\\.[0-9]{3}Z"));
}

}  // namespace
}  // namespace gemel::runtime
