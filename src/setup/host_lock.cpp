#include "setup/host_lock.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "base/text.h"

namespace gemel::setup {
namespace {

constexpr int held_by_another = 75;  // EX_TEMPFAIL
constexpr int not_ours = 186;        // of no program that the setup runs
constexpr auto answer_limit = std::chrono::seconds(20);
constexpr auto look_interval = std::chrono::milliseconds(10);
constexpr std::size_t longest_line = 200;

// The lock is the kernel's (flock): it ends with this script, however that ends. What is in the file is for people, and
// its first line for the commands of the run. A reader that comes while it is written sees less, never another's.
constexpr const char* hold_script = R"sh(set -eu
umask 077
file=$1 token=$2 about=$3 patience=$4 lease=$5
exec 9>>"$file"
if ! flock -w "$patience" 9; then
  cat "$file"
  exit 75
fi
trap ': >"$file"' EXIT
trap 'exit 1' HUP INT TERM PIPE
printf '%s\n' "$token" "$about" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "${SSH_CONNECTION%% *}" >"$file"
echo held
# Programs that are begun here must not keep the lock when the script is killed.
while [ -n "$(timeout "$lease" head -n 1 9>&-)" ]; do :; done
)sh";

constexpr const char* guard_script = R"sh(IFS= read -r holder 2>/dev/null <"$1"
if [ "${holder:-}" != "$2" ]; then
  cat "$1" 2>/dev/null
  exit 186
fi
shift 2
exec "$@"
)sh";

/// What a host says is shown to a person: one line, without what would move a cursor.
std::string plain(std::string_view text) {
  std::string line(text.substr(0, longest_line));
  std::erase_if(line, [](char letter) { return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f; });
  return line;
}

runtime::Task<void> let_go(RemoteHold* hold, std::size_t* open) {
  co_await hold->let_go();
  --*open;
}

}  // namespace

LockedRemote::LockedRemote(Remote* remote, LockSettings settings) : remote_(remote), settings_(std::move(settings)) {}

Error LockedRemote::conflict(const std::string& host, const std::string& said) const {
  const auto lines = split(said, '\n');
  const auto part = [&](std::size_t at) { return at < lines.size() ? plain(lines[at]) : std::string(); };
  if (part(1).empty()) return {ErrorCode::conflict, fmt::format("another run is changing {}", host), 0};
  return {ErrorCode::conflict,
          fmt::format("another run is changing {}: {}, from {}, since {}", host, part(1),
                      part(3).empty() ? "an unknown address" : part(3), part(2)),
          0};
}

runtime::Task<void> LockedRemote::look(std::string host, std::map<std::string, Status>* answers) {
  RemoteCommand command;
  command.arguments = {"true"};
  command.limit = answer_limit;
  const auto answer = co_await remote_->run(host, std::move(command));
  (*answers)[host] = answer ? Status{} : std::unexpected(answer.error());
}

runtime::Task<Status> LockedRemote::take(std::vector<std::string> hosts) {
  // The same order in every run: of two that meet, one gets the first lock and then all.
  std::ranges::sort(hosts);
  std::map<std::string, Status> answers;
  const auto executor = co_await boost::asio::this_coro::executor;
  runtime::TaskScope scope(executor, "look");
  for (const auto& host : hosts) scope.spawn(host, look(host, &answers));
  while (answers.size() < hosts.size()) co_await runtime::sleep_for(look_interval);
  for (const auto& host : hosts) {
    if (held_.contains(host)) continue;
    if (const auto& answer = answers.at(host); !answer) {
      passed_over_[host] = answer.error();
      continue;
    }
    passed_over_.erase(host);
    auto command = script_command(
        hold_script, {settings_.file.string(), settings_.token, settings_.about,
                      std::to_string(settings_.patience.count()), std::to_string(settings_.lease.count())});
    command.limit = settings_.patience + answer_limit;
    auto outcome = co_await remote_->hold(host, std::move(command));
    if (outcome && outcome->hold) {
      held_[host] = std::move(outcome->hold);
      continue;
    }
    Error error = outcome ? Error{ErrorCode::refused,
                                  fmt::format("{} cannot be locked against other runs (exit code {}): {}", host,
                                              outcome->ended.exit_code, plain(outcome->ended.output)),
                                  0}
                          : outcome.error().with(host + " cannot be locked against other runs");
    if (outcome && outcome->ended.exit_code == held_by_another) {
      error = conflict(host, outcome->ended.output);
      error.message += fmt::format(
          "; wait until it has ended, or end it there (one whose connection is gone lets go within {} seconds)",
          settings_.lease.count());
    }
    co_await release();
    co_return std::unexpected(std::move(error));
  }
  co_return Status{};
}

runtime::Task<void> LockedRemote::release() {
  const auto held = std::exchange(held_, {});
  std::size_t open = held.size();
  const auto executor = co_await boost::asio::this_coro::executor;
  runtime::TaskScope scope(executor, "release");
  for (const auto& [host, hold] : held) scope.spawn(host, let_go(hold.get(), &open));
  while (open > 0) co_await runtime::sleep_for(look_interval);
}

runtime::Task<Result<runtime::CommandResult>> LockedRemote::run(std::string host, RemoteCommand command) {
  if (const auto found = passed_over_.find(host); found != passed_over_.end()) co_return std::unexpected(found->second);
  if (!held_.contains(host)) co_return fail(ErrorCode::refused, host + " is not locked against other runs");
  std::vector<std::string> guarded{"/bin/sh",      "-c", guard_script, "gemel-guard", settings_.file.string(),
                                   settings_.token};
  guarded.insert(guarded.end(), command.arguments.begin(), command.arguments.end());
  command.arguments = std::move(guarded);
  auto result = co_await remote_->run(host, std::move(command));
  if (result && result->exit_code == not_ours) {
    auto error = conflict(host, result->output);
    if (!result->output.contains('\n')) error.message = "the lock of this run on " + host + " is gone";
    co_return std::unexpected(std::move(error));
  }
  co_return result;
}

runtime::Task<Result<HoldOutcome>> LockedRemote::hold(std::string host, RemoteCommand command) {
  return remote_->hold(std::move(host), std::move(command));
}

}  // namespace gemel::setup
