#include "setup/plan_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/text.h"
#include "setup/check_answer.h"
#include "setup/step_commands.h"

namespace gemel::setup {
namespace {

/// The last lines of what a program printed: enough to see why it failed.
std::string end_of(const std::string& output) {
  constexpr std::size_t length = 400;
  const auto text = trim(output);
  return std::string(text.substr(text.size() - std::min(length, text.size())));
}

// Long enough for a command to be at work on its host, short enough that an installation still is.
constexpr auto held_command_runs = std::chrono::milliseconds(150);

}  // namespace

std::optional<Hold> parse_hold(const std::string& text) {
  const auto at = text.rfind('@');
  if (at == std::string::npos || at == 0) return std::nullopt;
  const auto point = text.substr(at + 1);
  using enum Hold::Point;
  const std::map<std::string, Hold::Point> points{
      {"before", before}, {"between", between}, {"during", during}, {"after", after}};
  const auto found = points.find(point);
  if (found == points.end()) return std::nullopt;
  return Hold{text.substr(0, at), found->second};
}

bool PlanRun::is_held(const site::Step& step, Hold::Point point) const {
  return hold_ && hold_->point == point && (step.id == hold_->step || step.id.ends_with("/" + hold_->step));
}

runtime::Task<void> PlanRun::stand_still_at(const site::Step* step, Hold::Point point) {
  if (!is_held(*step, point)) co_return;
  log(step->id + ": held");
  while (true) co_await runtime::sleep_for(std::chrono::hours(1));
}

runtime::Task<void> PlanRun::say_soon_that_it_is_held(const site::Step* step) {
  co_await runtime::sleep_for(held_command_runs);
  log(step->id + ": held");
}

PlanRun::PlanRun(Remote* remote, const site::Plan* plan, std::string site_name, RunLog* log, Sink sink,
                 CheckTimes times)
    : remote_(remote), plan_(plan), site_name_(std::move(site_name)), log_(log), sink_(std::move(sink)), times_(times) {
  for (const auto& step : plan->steps) ++all_of_host_[step.host];
}

void PlanRun::log(const std::string& text) const {
  if (log_ != nullptr) log_->write(text);
}

bool PlanRun::is_ready(const site::Step& step) const {
  return std::ranges::all_of(step.needs, [this](const std::string& id) { return done_.contains(id); });
}

void PlanRun::report(Progress::Phase phase, const site::Step& step, std::string text) const {
  const auto done = done_of_host_.find(step.host);
  if (sink_) {
    sink_({phase, &step, std::move(text), done == done_of_host_.end() ? 0 : done->second, all_of_host_.at(step.host)});
  }
}

runtime::Task<void> PlanRun::wait_for_change() {
  const auto [error] = co_await changed_->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  static_cast<void>(error);  // cancelled is how a change is told
}

void PlanRun::notify() { changed_->cancel(); }

runtime::Task<Status> PlanRun::run_check(const site::Step* step, RemoteCommand command) {
  const auto deadline = runtime::boot_now() + times_.limit;
  std::string missing;
  while (true) {
    const auto result = co_await remote_->run(step->host, command);
    auto now_missing = result ? missing_for(step->kind, step->host, result->output) : result.error().message;
    if (now_missing.empty()) co_return Status{};
    // Another run has the host: it will not be given back to this one.
    if (!result && result.error().code == ErrorCode::conflict) co_return std::unexpected(result.error());
    if (now_missing != missing) log(fmt::format("{}: waiting: {}", step->id, now_missing));
    missing = std::move(now_missing);
    if (runtime::boot_now() >= deadline) co_return fail(ErrorCode::timed_out, missing);
    co_await runtime::sleep_for(times_.interval);
  }
}

runtime::Task<Status> PlanRun::run_step(const site::Step* step) {
  const auto commands = commands_of(*step, site_name_);
  if (!commands) co_return std::unexpected(commands.error());
  std::size_t index = 0;
  for (const auto& command : *commands) {
    if (index > 0 && index == commands->size() / 2) co_await stand_still_at(step, Hold::Point::between);
    ++index;
    if (index == commands->size() && is_held(*step, Hold::Point::during))
      scope_->spawn("hold", say_soon_that_it_is_held(step));
    if (is_check(step->kind)) {
      auto checked = co_await run_check(step, command);
      if (!checked) co_return checked;
      continue;
    }
    const auto result = co_await remote_->run(step->host, command);
    if (!result) co_return std::unexpected(result.error());
    if (!trim(result->output).empty()) log(fmt::format("{}: {}", step->id, result->output));
    if (result->exit_code != 0)
      co_return fail(ErrorCode::refused, fmt::format("exit code {}: {}", result->exit_code, end_of(result->output)));
  }
  co_await stand_still_at(step, Hold::Point::during);
  co_return Status{};
}

runtime::Task<void> PlanRun::run_host(std::string host) {
  for (const auto& step : plan_->steps) {
    if (step.host != host) continue;
    while (outcome_ && !is_ready(step)) co_await wait_for_change();
    if (!outcome_) break;
    co_await stand_still_at(&step, Hold::Point::before);
    report(Progress::Phase::begun, step);
    log(fmt::format("{}: begins: {}", step.id, join(step.changes, "; ")));
    auto status = co_await run_step(&step);
    if (status) {
      done_.insert(step.id);
      ++done_of_host_[host];
      log(fmt::format("{}: done", step.id));
      report(Progress::Phase::done, step);
      co_await stand_still_at(&step, Hold::Point::after);
    } else {
      log(fmt::format("{}: failed: {}", step.id, status.error().to_string()));
      report(Progress::Phase::failed, step, status.error().to_string());
      if (outcome_) outcome_ = std::unexpected(status.error().with(step.id));
    }
    notify();
    if (!status) break;
  }
  --hosts_running_;
  notify();
}

runtime::Task<Status> PlanRun::run() {
  const auto executor = co_await boost::asio::this_coro::executor;
  boost::asio::steady_timer changed(executor, boost::asio::steady_timer::time_point::max());
  changed_ = &changed;
  runtime::TaskScope scope(executor, "apply");
  scope_ = &scope;
  hosts_running_ = all_of_host_.size();
  for (const auto& [host, count] : all_of_host_) scope.spawn(host, run_host(host));
  while (hosts_running_ > 0) co_await wait_for_change();
  co_return outcome_;
}

}  // namespace gemel::setup
