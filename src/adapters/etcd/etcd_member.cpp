#include "adapters/etcd/etcd_member.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <utility>

#include "adapters/etcd/gateway.h"
#include "adapters/etcd/member_join.h"
#include "base/text.h"
#include "runtime/child_process.h"
#include "runtime/files.h"
#include "runtime/log.h"

namespace gemel::adapters::etcd {

namespace asio = boost::asio;

namespace {

constexpr Duration first_pause = std::chrono::milliseconds(100);
constexpr Duration longest_pause = std::chrono::seconds(5);
constexpr Duration good_run = std::chrono::seconds(30);
constexpr Duration kill_limit = std::chrono::seconds(5);
constexpr Duration polite_limit = std::chrono::seconds(3);
constexpr Duration poll_pause = std::chrono::milliseconds(10);

/// Whether a running process is the member of this command line, however it began.
bool has_command_line(pid_t pid, const std::vector<std::string>& arguments) {
  auto text = runtime::read_file("/proc/" + std::to_string(pid) + "/cmdline");
  if (!text || text->empty()) return false;
  text->pop_back();  // the end of the last argument
  return is_same_member(split(*text, '\0'), arguments);
}

std::string describe_exit(int status) {
  if (status < 0) return "unknown status";
  return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
}

runtime::HttpRequest post(std::string path, std::string body) {
  return {"POST", std::move(path), {{"content-type", "application/json"}}, std::move(body)};
}

}  // namespace

Duration next_pause(Duration last_pause, Duration uptime) {
  if (uptime >= good_run || last_pause < first_pause) return first_pause;
  return std::min(2 * last_pause, longest_pause);
}

struct EtcdMember::State {
  State(asio::any_io_executor loop, MemberConfig member, std::shared_ptr<runtime::TlsClientContext> client_tls)
      : executor(std::move(loop)),
        config(std::move(member)),
        tls(std::move(client_tls)),
        client(executor, runtime::Endpoint{.address = config.address, .port = config.client_port}, tls) {}

  static Task<void> supervise(std::shared_ptr<State> state);
  static Task<void> remember(std::shared_ptr<State> state);
  static Task<Status> begin(std::shared_ptr<State> state);
  static Task<Status> clear_cgroup(std::shared_ptr<State> state, std::vector<std::string> arguments);
  static Task<Result<std::string>> call(std::shared_ptr<State> state, runtime::HttpRequest request, Duration limit);

  asio::any_io_executor executor;
  MemberConfig config;
  std::shared_ptr<runtime::TlsClientContext> tls;
  runtime::HttpClient client;
  std::optional<runtime::ChildProcess> child;
  bool is_stopping = false;
  int starts = 0;
};

/// Adopts what runs in the cgroup if it is just what would be started; otherwise leaves the cgroup empty.
Task<Status> EtcdMember::State::clear_cgroup(std::shared_ptr<State> state, std::vector<std::string> arguments) {
  auto cgroup = runtime::Cgroup::open(*state->config.cgroup);
  if (!cgroup) co_return std::unexpected(cgroup.error());
  const auto present = cgroup->processes();
  if (present.empty()) co_return Status{};
  if (present.size() == 1 && has_command_line(present.front(), arguments)) {
    auto adopted = runtime::ChildProcess::adopt(state->executor, present.front());
    if (adopted) {
      runtime::log_info(fmt::format("etcd: adopted process {}", present.front()));
      state->child = std::move(*adopted);
      co_return Status{};
    }
  }
  runtime::log_warn("etcd: what runs in its cgroup is not what is wanted; ending it");
  // Asked politely, a leader hands over before it goes: the others need no election.
  for (const auto pid : present) ::kill(pid, SIGTERM);
  const TimePoint until = runtime::boot_now() + polite_limit;
  while (cgroup->is_populated() && runtime::boot_now() < until) co_await runtime::sleep_for(poll_pause);
  co_return co_await cgroup->kill_all(kill_limit);
}

Task<Status> EtcdMember::State::begin(std::shared_ptr<State> state) {
  const auto installed = install_tls(state->config);
  if (!installed) co_return std::unexpected(installed.error());
  state->config.authority_version = *installed;
  const MemberConfig& config = state->config;
  if (auto prepared = prepare_data_directory(config); !prepared) co_return prepared;
  if (config.cgroup) {
    auto cleared = co_await clear_cgroup(state, member_arguments(config));
    if (!cleared || state->child) co_return cleared;
  }
  Beginning beginning;
  if (!has_data(config)) {
    auto joined = co_await join_cluster(state->executor, config, state->tls);
    if (!joined) co_return std::unexpected(joined.error());
    beginning = *std::move(joined);
  }
  runtime::ChildSpec spec;
  spec.arguments = member_arguments(config, beginning);
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  spec.user = config.user;
  spec.cgroup = config.cgroup;
  spec.output = config.output;
  spec.oom_score_adjust = config.oom_score_adjust;
  auto started = runtime::ChildProcess::start(state->executor, spec);
  if (!started) co_return std::unexpected(started.error());
  state->child = std::move(*started);
  runtime::log_info(fmt::format("etcd: started, process {}", state->child->pid()));
  co_return Status{};
}

Task<void> EtcdMember::State::supervise(std::shared_ptr<State> state) {
  Duration pause{0};
  while (!state->is_stopping) {
    const TimePoint since = runtime::boot_now();
    const auto begun = co_await begin(state);
    if (begun) {
      ++state->starts;
      const int status = co_await state->child->wait_exit();
      state->child.reset();
      if (!state->is_stopping) runtime::log_warn("etcd: ended with " + describe_exit(status));
    } else {
      runtime::log_error("etcd: cannot start: " + begun.error().to_string());
    }
    if (state->is_stopping) break;
    pause = next_pause(pause, runtime::boot_now() - since);
    co_await runtime::sleep_for(pause);
  }
}

/// As soon as there is data: without it the member must not begin anew (ADR 0023).
Task<void> EtcdMember::State::remember(std::shared_ptr<State> state) {
  while (!has_run_before(state->config)) {
    if (const auto noted = remember_member(state->config); !noted)
      runtime::log_warn("etcd: cannot note that it has run: " + noted.error().to_string());
    co_await runtime::sleep_for(std::chrono::seconds(1));
  }
}

Task<Result<std::string>> EtcdMember::State::call(std::shared_ptr<State> state, runtime::HttpRequest request,
                                                  Duration limit) {
  auto answer = co_await state->client.call(std::move(request), limit);
  if (!answer) co_return std::unexpected(answer.error().with("etcd"));
  if (answer->status != 200) co_return fail(ErrorCode::refused, "etcd: " + error_text(answer->status, answer->body));
  co_return std::move(answer->body);
}

Result<std::unique_ptr<EtcdMember>> EtcdMember::create(asio::any_io_executor executor, MemberConfig config) {
  if (const auto mistakes = check_member(config); !mistakes.empty())
    return fail(ErrorCode::invalid, join(mistakes, "; "));
  auto tls = runtime::TlsClientContext::load(config.client_tls);
  if (!tls) return std::unexpected(tls.error().with("etcd client"));
  auto state = std::make_shared<State>(std::move(executor), std::move(config), std::move(*tls));
  return std::unique_ptr<EtcdMember>(new EtcdMember(std::move(state)));
}

EtcdMember::EtcdMember(std::shared_ptr<State> state)
    : state_(std::move(state)), scope_(state_->executor, "etcd member") {}
EtcdMember::~EtcdMember() = default;

void EtcdMember::start() {
  scope_.spawn("supervise", State::supervise(state_));
  scope_.spawn("remember", State::remember(state_));
}

bool EtcdMember::is_running() const { return state_->child && state_->child->is_running(); }
int EtcdMember::starts() const { return state_->starts; }
pid_t EtcdMember::pid() const { return is_running() ? state_->child->pid() : 0; }

Task<Status> EtcdMember::stop(Duration limit) {
  const auto state = state_;
  state->is_stopping = true;
  const TimePoint until = runtime::boot_now() + limit;
  const auto is_there = [](const State& member) { return member.child && member.child->is_running(); };
  if (is_there(*state)) state->child->signal(SIGTERM);
  while (is_there(*state) && runtime::boot_now() < until) co_await runtime::sleep_for(std::chrono::milliseconds(10));
  Status result;
  if (state->config.cgroup) {
    const auto cgroup = runtime::Cgroup::open(*state->config.cgroup);
    if (cgroup) result = co_await cgroup->kill_all(kill_limit);
  } else if (is_there(*state)) {
    state->child->signal(SIGKILL);
    const TimePoint killed_until = runtime::boot_now() + kill_limit;
    while (is_there(*state) && runtime::boot_now() < killed_until)
      co_await runtime::sleep_for(std::chrono::milliseconds(5));
    if (is_there(*state)) result = fail(ErrorCode::timed_out, "etcd does not end");
  }
  co_await scope_.stop(std::chrono::seconds(1));
  state->client.close();
  co_return result;
}

Task<Result<MemberStatus>> EtcdMember::local_status(Duration limit) {
  const auto body = co_await State::call(state_, post("/v3/maintenance/status", "{}"), limit);
  if (!body) co_return std::unexpected(body.error());
  co_return parse_status(*body);
}

Task<Status> EtcdMember::move_leader_away(NodeSet avoid, Duration limit) {
  const auto state = state_;
  const TimePoint until = runtime::boot_now() + limit;
  const auto body = co_await State::call(state, post("/v3/maintenance/status", "{}"), limit);
  if (!body) co_return std::unexpected(body.error());
  const auto status = parse_status(*body);
  if (!status) co_return std::unexpected(status.error());
  if (!status->is_leader()) co_return Status{};
  const auto list = co_await State::call(state, post("/v3/cluster/member/list", "{}"), until - runtime::boot_now());
  if (!list) co_return std::unexpected(list.error());
  auto members = parse_members(*list);
  if (!members) co_return std::unexpected(members.error());
  std::ranges::sort(*members, {}, &MemberEntry::name);
  const auto target = std::ranges::find_if(*members, [&](const MemberEntry& member) {
    return member.id != status->header.member_id && !member.name.empty() && !avoid.contains(NodeId{member.name});
  });
  if (target == members->end()) co_return fail(ErrorCode::not_found, "no other voter may lead");
  const auto moved = co_await State::call(
      state, post("/v3/maintenance/transfer-leadership", fmt::format(R"({{"targetID":"{}"}})", target->id)),
      until - runtime::boot_now());
  co_return moved ? Status{} : Status(std::unexpected(moved.error()));
}

}  // namespace gemel::adapters::etcd
