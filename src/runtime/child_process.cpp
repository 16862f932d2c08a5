#include "runtime/child_process.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <utility>

extern "C" {  // glibc 2.36 forgot it in this header
#include <sys/pidfd.h>
}

#include "runtime/child_start.h"

namespace gemel::runtime {

namespace asio = boost::asio;

namespace {

/// The status wait(2) would give; waitid(2) splits it in two fields.
int raw_status(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return (info.si_status & 0xFF) << 8;
  return info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
}

bool is_readable(int descriptor) {
  pollfd entry{.fd = descriptor, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, 0) > 0;
}

}  // namespace

struct ChildProcess::State {
  State(const asio::any_io_executor& executor, pid_t number, int descriptor, bool is_our_child)
      : pid(number), pidfd(executor, descriptor), is_child(is_our_child) {}

  /// True when the process has ended; collects its status then.
  bool reap() {
    if (status) return true;
    if (!is_readable(pidfd.native_handle())) return false;
    status = -1;
    siginfo_t info{};
    if (is_child && waitid(P_PIDFD, static_cast<id_t>(pidfd.native_handle()), &info, WEXITED | WNOHANG) == 0 &&
        info.si_pid != 0) {
      status = raw_status(info);
    }
    return true;
  }

  pid_t pid;
  asio::posix::stream_descriptor pidfd;
  bool is_child;
  std::optional<int> status;
};

namespace {

template <typename State>
Task<int> wait_until_ended(std::shared_ptr<State> state) {
  while (!state->reap()) {
    const auto [error] = co_await state->pidfd.async_wait(asio::posix::stream_descriptor::wait_read,
                                                          asio::as_tuple(asio::use_awaitable));
    if (error) throw boost::system::system_error(error);
  }
  co_return *state->status;
}

}  // namespace

Result<ChildProcess> ChildProcess::start(asio::any_io_executor executor, const ChildSpec& spec) {
  return start_with_output(std::move(executor), spec, -1);
}

Result<ChildProcess> ChildProcess::start_with_output(asio::any_io_executor executor, const ChildSpec& spec,
                                                     int output) {
  const auto pid = start_child(spec, {.output = output});
  if (!pid) return std::unexpected(pid.error());
  // Only we reap our children, so the number cannot have been given to another process yet.
  const int descriptor = pidfd_open(*pid, 0);
  if (descriptor < 0) {
    const int error = errno;
    ::kill(*pid, SIGKILL);
    return fail_errno(error, "pidfd_open");
  }
  return ChildProcess(std::make_shared<State>(executor, *pid, descriptor, true));
}

Result<ChildProcess> ChildProcess::adopt(asio::any_io_executor executor, pid_t pid) {
  const int descriptor = pidfd_open(pid, 0);
  if (descriptor < 0) {
    if (errno == ESRCH) return fail(ErrorCode::not_found, "no process " + std::to_string(pid));
    return fail_errno(errno, "pidfd_open of process " + std::to_string(pid));
  }
  return ChildProcess(std::make_shared<State>(executor, pid, descriptor, false));
}

ChildProcess::ChildProcess(std::shared_ptr<State> state) : state_(std::move(state)) {}
ChildProcess::ChildProcess(ChildProcess&&) noexcept = default;
ChildProcess& ChildProcess::operator=(ChildProcess&&) noexcept = default;
ChildProcess::~ChildProcess() = default;

pid_t ChildProcess::pid() const { return state_->pid; }
bool ChildProcess::is_running() const { return !state_->reap(); }
std::optional<int> ChildProcess::exit_status() const { return state_->reap() ? state_->status : std::nullopt; }

void ChildProcess::signal(int number) const {
  if (!state_->status) pidfd_send_signal(state_->pidfd.native_handle(), number, nullptr, 0);
}

void ChildProcess::reap_later() const {
  if (state_->reap()) return;
  state_->pidfd.async_wait(asio::posix::stream_descriptor::wait_read,
                           [state = state_](const boost::system::error_code&) { state->reap(); });
}

Task<int> ChildProcess::wait_exit() { return wait_until_ended(state_); }

}  // namespace gemel::runtime
