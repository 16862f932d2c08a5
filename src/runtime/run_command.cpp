// run_command(): see child_process.h.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <utility>

#include "runtime/child_process.h"

namespace gemel::runtime {

namespace asio = boost::asio;

namespace {

constexpr std::size_t output_limit = 64U << 10;  // bytes, from the end

/// What a program prints, kept to its last part.
struct Collector {
  explicit Collector(const asio::any_io_executor& executor, int descriptor) : pipe(executor, descriptor) {}

  void add(std::string_view piece) {
    text += piece;
    if (text.size() > 2 * output_limit) text.erase(0, text.size() - output_limit);
  }

  /// What is in the pipe now; true when it has ended. A grandchild may hold the other side open for ever.
  bool drain() {
    std::array<char, 4096> piece;
    while (true) {
      const ssize_t count = ::read(pipe.native_handle(), piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      if (count == 0) return true;
      add({piece.data(), static_cast<std::size_t>(count)});
    }
  }

  std::string take() {
    if (text.size() > output_limit) text.erase(0, text.size() - output_limit);
    return std::move(text);
  }

  asio::posix::stream_descriptor pipe;
  std::string text;
};

/// Waits and reads apart, so that no byte is in flight when this is cancelled at the end of the program.
Task<void> collect(std::shared_ptr<Collector> collector) {
  while (true) {
    const auto [error] = co_await collector->pipe.async_wait(asio::posix::stream_descriptor::wait_read,
                                                             asio::as_tuple(asio::use_awaitable));
    if (error || collector->drain()) co_return;
  }
}

int exit_code(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

}  // namespace

/// Kills the program and what it started when its time is up, and when the caller is cancelled.
class CommandKiller {
 public:
  CommandKiller(const asio::any_io_executor& executor, ChildProcess* child, Duration limit)
      : child_(child), timer_(executor, limit), is_late_(std::make_shared<bool>(false)) {
    // The child leads a session of its own, so its process group has its number.
    timer_.async_wait([is_late = is_late_, group = child->pid()](const boost::system::error_code& error) {
      if (error) return;
      *is_late = true;
      ::kill(-group, SIGKILL);
    });
  }
  CommandKiller(const CommandKiller&) = delete;
  CommandKiller& operator=(const CommandKiller&) = delete;
  ~CommandKiller() {
    timer_.cancel();
    if (!child_->is_running()) return;
    ::kill(-child_->pid(), SIGKILL);
    child_->reap_later();
  }
  [[nodiscard]] bool is_late() const { return *is_late_; }
  void disarm() { timer_.cancel(); }

 private:
  ChildProcess* child_;
  asio::steady_timer timer_;
  std::shared_ptr<bool> is_late_;
};

Task<Result<CommandResult>> run_command(ChildSpec spec, Duration limit) {
  const auto executor = co_await asio::this_coro::executor;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) co_return fail_errno(errno, "cannot make a pipe");
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  const auto collector = std::make_shared<Collector>(executor, ends[0]);
  auto started = ChildProcess::start_with_output(executor, spec, spec.output ? -1 : ends[1]);
  ::close(ends[1]);
  if (!started) co_return std::unexpected(started.error());
  TaskScope scope(executor, "run_command");
  scope.spawn("output", collect(collector));
  CommandKiller killer(executor, &*started, limit);
  const int status = co_await started->wait_exit();
  killer.disarm();
  scope.cancel();
  collector->drain();
  if (killer.is_late()) {
    co_return fail(ErrorCode::timed_out, spec.arguments[0] + ": killed after its time was up: " + collector->take());
  }
  co_return CommandResult{exit_code(status), collector->take()};
}

}  // namespace gemel::runtime
