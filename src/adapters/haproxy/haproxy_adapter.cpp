// Process, configuration file and reload of HAProxy. The text of the configuration is balancer_config.cpp's.
#include "adapters/haproxy/haproxy_adapter.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <system_error>
#include <utility>

#include "adapters/haproxy/admin_socket.h"
#include "base/text.h"
#include "runtime/child_process.h"
#include "runtime/files.h"
#include "runtime/log.h"

namespace gemel::adapters::haproxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration first_pause = milliseconds(100);
constexpr Duration longest_pause = seconds(5);
constexpr Duration good_run = seconds(30);
constexpr Duration check_limit = seconds(10);
constexpr Duration start_limit = seconds(5);
constexpr Duration command_limit = seconds(2);
constexpr Duration kill_limit = seconds(5);
constexpr Duration poll_pause = milliseconds(10);
constexpr mode_t secret_mode = 0600;  // the configuration holds the password of the statistics page

std::string describe_exit(int status) {
  if (status < 0) return "unknown status";
  return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
}

pid_t to_pid(std::string_view text) {
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  return pid;
}

/// After a reload the master's command line has the old worker's number behind these words.
bool has_command_line(pid_t pid, const std::vector<std::string>& arguments) {
  const auto text = runtime::read_file("/proc/" + std::to_string(pid) + "/cmdline");
  std::string wanted;
  for (const std::string& argument : arguments) wanted += argument + '\0';
  return pid > 1 && text && text->starts_with(wanted);
}

/// Files on the loop's thread would hold everything else up while the disk is slow.
Task<Status> write_durably(std::filesystem::path path, std::string content) {
  Status status;
  co_await runtime::run_blocking([&] { status = runtime::write_file_durably(path, content, secret_mode); });
  co_return status;
}

}  // namespace

Duration next_pause(Duration last_pause, Duration uptime) {
  if (uptime >= good_run || last_pause < first_pause) return first_pause;
  return std::min(2 * last_pause, longest_pause);
}

struct HaproxyAdapter::State {
  State(boost::asio::any_io_executor loop, HaproxyOptions given)
      : executor(std::move(loop)), options(std::move(given)) {}

  static Task<void> supervise(std::shared_ptr<State> state);
  static Task<Status> begin(std::shared_ptr<State> state);
  static Task<void> clear(std::shared_ptr<State> state, pid_t master);
  static Task<Status> check(std::shared_ptr<State> state, std::filesystem::path file);
  static Task<pid_t> worker(std::shared_ptr<State> state);
  static Task<Status> await_worker(std::shared_ptr<State> state, pid_t other_than);
  static Task<Status> replace(std::shared_ptr<State> state, std::string text);

  [[nodiscard]] std::filesystem::path file(const char* name) const { return options.run_directory / name; }
  [[nodiscard]] std::vector<std::string> arguments() const {
    return {options.program.string(), "-W", "-db", "-f", file("haproxy.cfg").string()};
  }
  [[nodiscard]] bool is_running() const { return process && process->is_running(); }
  std::optional<runtime::ChildProcess> former_process() const;

  boost::asio::any_io_executor executor;
  HaproxyOptions options;
  std::optional<runtime::ChildProcess> process;
  bool is_supervised = false;
  bool is_stopping = false;
  int starts = 0;
  std::string running_text;  // what the running HAProxy was last told; empty: not known
};

/// The HAProxy that an earlier agent left running with our configuration file.
std::optional<runtime::ChildProcess> HaproxyAdapter::State::former_process() const {
  const auto text = runtime::read_file(file("haproxy.pid"));
  const pid_t pid = text ? to_pid(trim(*text)) : 0;
  if (!has_command_line(pid, arguments())) return std::nullopt;
  auto adopted = runtime::ChildProcess::adopt(executor, pid);
  // Between the look and the adoption the number may have gone to somebody else.
  if (!adopted || !has_command_line(pid, arguments())) return std::nullopt;
  return std::move(*adopted);
}

/// Removes what a dead master left: workers outlive it and would go on answering on our ports.
Task<void> HaproxyAdapter::State::clear(std::shared_ptr<State> state, pid_t master) {
  // The master began a session of its own, so its number names the group of its workers; ESRCH when none is left.
  if (master > 1) ::kill(-master, SIGKILL);
  if (!state->options.cgroup) co_return;
  const auto cgroup = runtime::Cgroup::open(*state->options.cgroup);
  if (!cgroup) co_return;  // start() reports it
  const auto killed = co_await cgroup->kill_all(kill_limit);
  if (!killed) runtime::log_warn("haproxy: " + killed.error().to_string());
}

Task<Status> HaproxyAdapter::State::begin(std::shared_ptr<State> state) {
  runtime::ChildSpec spec;
  spec.arguments = state->arguments();
  spec.environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}};
  spec.cgroup = state->options.cgroup;
  spec.working_directory = state->options.run_directory;
  spec.output = state->options.output;
  auto started = runtime::ChildProcess::start(state->executor, spec);
  if (!started) co_return std::unexpected(started.error());
  const auto pid = started->pid();
  state->process = std::move(*started);
  ++state->starts;
  co_return co_await write_durably(state->file("haproxy.pid"), std::to_string(pid) + "\n");
}

Task<void> HaproxyAdapter::State::supervise(std::shared_ptr<State> state) {
  Duration pause{0};
  while (!state->is_stopping) {
    const auto began = runtime::boot_now();
    if (!state->is_running()) {
      co_await clear(state, 0);
      const auto started = co_await begin(state);
      if (!started) runtime::log_warn("haproxy: " + started.error().to_string());
    }
    if (state->process) {
      const auto pid = state->process->pid();
      const int status = co_await state->process->wait_exit();
      state->process.reset();
      co_await clear(state, pid);
      if (state->is_stopping) break;
      runtime::log_warn(fmt::format("haproxy: ended ({}), starting it again", describe_exit(status)));
    }
    pause = next_pause(pause, runtime::boot_now() - began);
    co_await runtime::sleep_for(pause);
  }
  state->is_supervised = false;
}

Task<Status> HaproxyAdapter::State::check(std::shared_ptr<State> state, std::filesystem::path file) {
  runtime::ChildSpec spec;
  spec.arguments = {state->options.program.string(), "-c", "-f", file.string()};
  spec.environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}};
  const auto result = co_await runtime::run_command(spec, check_limit);
  if (!result) co_return std::unexpected(result.error().with("checking the balancer's configuration"));
  if (result->exit_code == 0) co_return Status();
  co_return fail(ErrorCode::refused, "haproxy does not accept the configuration: " + std::string(trim(result->output)));
}

/// The number of the worker that answers now; 0 when none does.
Task<pid_t> HaproxyAdapter::State::worker(std::shared_ptr<State> state) {
  const auto answer = co_await ask_admin_socket(state->executor, state->file("admin.sock"), "show info", command_limit);
  if (!answer) co_return 0;
  for (const auto& line : split(*answer, '\n')) {
    if (line.starts_with("Pid: ")) co_return to_pid(trim(line).substr(5));
  }
  co_return 0;
}

/// Until a worker answers that is not `other_than`. At the first start `other_than` is 0.
Task<Status> HaproxyAdapter::State::await_worker(std::shared_ptr<State> state, pid_t other_than) {
  const auto until = runtime::boot_now() + start_limit;
  while (runtime::boot_now() < until) {
    const auto pid = co_await worker(state);
    if (pid != 0 && pid != other_than) co_return Status();
    co_await runtime::sleep_for(poll_pause);
  }
  co_return fail(ErrorCode::timed_out, "haproxy does not answer; its log says why");
}

/// Puts `text` in place of the running configuration and reloads; the former file is restored when no new worker comes.
Task<Status> HaproxyAdapter::State::replace(std::shared_ptr<State> state, std::string text) {
  const auto former = runtime::read_file(state->file("haproxy.cfg"));
  const auto old_worker = co_await worker(state);
  if (auto status = co_await write_durably(state->file("haproxy.cfg"), text); !status) co_return status;
  if (state->is_running()) state->process->signal(SIGUSR2);
  auto status = co_await await_worker(state, old_worker);
  if (status) {
    state->running_text = std::move(text);
  } else if (former) {
    const auto restored = co_await write_durably(state->file("haproxy.cfg"), *former);
    if (!restored) runtime::log_error("haproxy: former configuration not restored: " + restored.error().to_string());
  }
  co_return status;
}

HaproxyAdapter::HaproxyAdapter(boost::asio::any_io_executor executor, HaproxyOptions options)
    : state_(std::make_shared<State>(executor, std::move(options))), scope_(executor, "haproxy") {}

HaproxyAdapter::~HaproxyAdapter() = default;

Task<Status> HaproxyAdapter::apply(BalancerConfig config) {
  const auto state = state_;
  config.admin_socket = state->file("admin.sock");
  const auto text = render_haproxy(config);
  if (!text) co_return std::unexpected(text.error());
  std::error_code error;
  if (std::filesystem::create_directories(state->options.run_directory, error)) {
    std::filesystem::permissions(state->options.run_directory, std::filesystem::perms::owner_all, error);
  }
  if (error) co_return fail_errno(error.value(), state->options.run_directory.string());
  if (state->is_running() && *text == state->running_text) co_return Status();
  const auto candidate = state->file("haproxy.cfg.new");
  if (auto status = co_await write_durably(candidate, *text); !status) co_return status;
  auto checked = co_await State::check(state, candidate);
  std::filesystem::remove(candidate, error);
  if (!checked) co_return checked;
  state->is_stopping = false;
  if (!state->is_supervised && (state->process = state->former_process())) ++state->starts;
  const bool was_running = state->is_running();
  if (!was_running) {
    if (auto status = co_await write_durably(state->file("haproxy.cfg"), *text); !status) co_return status;
  }
  if (!std::exchange(state->is_supervised, true)) scope_.spawn("supervise", State::supervise(state));
  if (was_running) co_return co_await State::replace(state, *text);
  auto status = co_await State::await_worker(state, 0);
  if (status) state->running_text = *text;
  co_return status;
}

Task<Status> HaproxyAdapter::stop(Duration limit) {
  const auto state = state_;
  state->is_stopping = true;
  const auto begin = runtime::boot_now();
  // SIGUSR1: finish what is open; SIGTERM: now; SIGKILL: whatever it thinks.
  constexpr std::array<int, 3> signals{SIGUSR1, SIGTERM, SIGKILL};
  const std::array<Duration, 3> ends{limit / 2, limit, limit + kill_limit};
  for (std::size_t step = 0; step < signals.size(); ++step) {
    if (state->is_running()) state->process->signal(signals.at(step));
    while (state->is_running() && runtime::boot_now() - begin < ends.at(step)) co_await runtime::sleep_for(poll_pause);
  }
  while (state->is_supervised && state->process && !state->process->is_running())
    co_await runtime::sleep_for(poll_pause);
  if (state->is_running()) co_return fail(ErrorCode::timed_out, "haproxy does not end");
  state->running_text.clear();
  runtime::remove_file_durably(state->file("haproxy.pid"));
  co_return Status();
}

bool HaproxyAdapter::is_running() const { return state_->is_running(); }

pid_t HaproxyAdapter::pid() const { return state_->is_running() ? state_->process->pid() : 0; }

int HaproxyAdapter::starts() const { return state_->starts; }

Task<Result<std::string>> HaproxyAdapter::run_time_command(std::string command) {
  const auto state = state_;
  co_return co_await ask_admin_socket(state->executor, state->file("admin.sock"), std::move(command), command_limit);
}

Task<Result<std::vector<ServerState>>> HaproxyAdapter::server_states() {
  const auto answer = co_await run_time_command("show stat");
  if (!answer) co_return std::unexpected(answer.error());
  co_return parse_server_states(*answer);
}

Task<Status> HaproxyAdapter::order_server(std::string server, ServerOrder order) {
  const auto states = co_await server_states();
  if (!states) co_return std::unexpected(states.error());
  const char* word = order == ServerOrder::ready ? "ready" : order == ServerOrder::drain ? "drain" : "maint";
  bool is_found = false;
  for (const auto& entry : *states) {
    if (entry.server != server) continue;
    is_found = true;
    const auto answer =
        co_await run_time_command(fmt::format("set server {}/{} state {}", entry.backend, server, word));
    if (!answer) co_return std::unexpected(answer.error());
    if (!trim(*answer).empty()) co_return fail(ErrorCode::refused, std::string(trim(*answer)));
  }
  if (!is_found) co_return fail(ErrorCode::not_found, "no backend has the server \"" + server + "\"");
  co_return Status();
}

}  // namespace gemel::adapters::haproxy
