#include "runtime/task_scope.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cstdlib>
#include <ctime>
#include <list>
#include <random>
#include <utility>

#include "runtime/log.h"

namespace gemel::runtime {

namespace asio = boost::asio;

namespace {

struct RunningTask {
  std::string name;
  asio::cancellation_signal signal;
  bool is_cancelled = false;
};

[[noreturn]] void die_of_exception(const std::string& task, const std::exception_ptr& error) {
  std::string what = "unknown exception";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    what = exception.what();
  } catch (...) {  // NOLINT(bugprone-empty-catch): the text above stands
  }
  log_error(fmt::format("exception left task {}: {}", task, what));
  std::abort();
}

bool is_abort(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& exception) {
    return exception.code() == asio::error::operation_aborted;
  } catch (const asio::multiple_exceptions& several) {  // all operands of || or && were cancelled
    return is_abort(several.first_exception());
  } catch (...) {
    return false;
  }
}

}  // namespace

struct TaskScope::State : std::enable_shared_from_this<TaskScope::State> {
  State(asio::any_io_executor loop, std::string scope_name)
      : executor(std::move(loop)), name(std::move(scope_name)), empty(executor) {}

  void cancel_all() {
    // A task may end while others are being cancelled; the list node stays valid because ends are posted.
    for (auto& task : tasks) {
      task.is_cancelled = true;
      task.signal.emit(asio::cancellation_type::terminal);
    }
  }

  void ended(std::list<RunningTask>::iterator task, const std::exception_ptr& error) {
    if (error && !(task->is_cancelled && is_abort(error))) die_of_exception(name + "/" + task->name, error);
    // A cancellation that came from outside the loop waits in its queue and points to the signal: this stands behind
    // it.
    const auto over = std::make_shared<std::list<RunningTask>>();
    over->splice(over->begin(), tasks, task);
    asio::post(executor, [over] {});
    if (tasks.empty()) empty.cancel();
  }

  /// A cancellation that came before the task began would otherwise reach it only in its first wait.
  static Task<void> run(std::list<RunningTask>::iterator running, Task<void> task) {
    if (!running->is_cancelled) co_await std::move(task);
  }

  asio::any_io_executor executor;
  std::string name;
  std::list<RunningTask> tasks;
  bool is_stopping = false;
  asio::steady_timer empty;  // cancelled when the last task ended
};

TaskScope::TaskScope(asio::any_io_executor executor, std::string name)
    : state_(std::make_shared<State>(std::move(executor), std::move(name))) {}

TaskScope::~TaskScope() { cancel(); }

void TaskScope::cancel() {
  state_->is_stopping = true;
  state_->cancel_all();
}

void TaskScope::spawn(std::string name, Task<void> task) {
  if (state_->is_stopping) return;
  const auto running = state_->tasks.emplace(state_->tasks.end());
  running->name = std::move(name);
  asio::co_spawn(
      state_->executor, State::run(running, std::move(task)),
      asio::bind_cancellation_slot(running->signal.slot(), [state = state_, running](std::exception_ptr error) {
        state->ended(running, error);
      }));
}

Task<std::vector<std::string>> TaskScope::stop(Duration limit) {
  const auto state = state_;
  state->is_stopping = true;
  state->cancel_all();
  if (!state->tasks.empty()) {
    state->empty.expires_after(limit);
    co_await state->empty.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  std::vector<std::string> late;
  for (const auto& task : state->tasks) late.push_back(task.name);
  co_return late;
}

std::size_t TaskScope::size() const { return state_->tasks.size(); }

Task<void> sleep_for(Duration time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

TimePoint next_beat(Duration interval) {
  // Drawn once: the agents of one machine (the lab's) or of clones of one image would all wake at the same instants.
  static const Duration phase = std::chrono::microseconds(std::random_device{}() % 1'000'000);
  const TimePoint now = boot_now();
  const Duration left = interval - (now.since_boot + phase) % interval;
  return now + (left < interval / 2 ? left + interval : left);
}

Task<void> sleep_to_beat(Duration interval) { return sleep_for(next_beat(interval) - boot_now()); }

TimePoint boot_now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return TimePoint{std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec)};
}

std::string wall_now() { return wall_after(Duration::zero()); }

std::string wall_after(Duration ahead) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  now.tv_sec += std::chrono::duration_cast<std::chrono::seconds>(ahead).count();
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, now.tv_nsec / 1'000'000);
}

void leave_blocking(std::function<void()> work) {
  // Not the pool of run_blocking: somebody waits for that one.
  static asio::thread_pool pool(1);
  asio::post(pool, std::move(work));
}

Task<void> run_blocking(std::function<void()> work) {
  static asio::thread_pool pool(2);
  const asio::any_io_executor loop = co_await asio::this_coro::executor;
  // The handler's cancellation slot is left alone on purpose: the work cannot be stopped half way.
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(std::exception_ptr)>(
      [](auto handler, std::function<void()> job, asio::any_io_executor executor) {
        auto guard = asio::make_work_guard(executor);
        asio::post(
            pool, [handler = std::move(handler), job = std::move(job), executor, guard = std::move(guard)]() mutable {
              std::exception_ptr error;
              try {
                job();
              } catch (...) {
                error = std::current_exception();
              }
              asio::post(executor, [handler = std::move(handler), error]() mutable { std::move(handler)(error); });
            });
      },
      asio::use_awaitable, std::move(work), loop);
}

}  // namespace gemel::runtime
