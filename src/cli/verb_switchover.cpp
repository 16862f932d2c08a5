// gemel switchover: asks for the target's name, asks the primary's agent, and waits until the new primary serves.
#include <fmt/format.h>

#include <iostream>

#include "base/text.h"
#include "cli/document.h"
#include "cli/switchover_plan.h"
#include "cli/verbs.h"

namespace gemel::cli {
namespace {

constexpr auto poll_interval = std::chrono::milliseconds(50);

bool confirmed_by_name(const SwitchoverPlan& plan) {
  print(
      fmt::format("Switchover from {} to {}: writes wait for less than a second, nothing is lost.\nType the name of "
                  "the new primary ({}) to go on: ",
                  plan.from, plan.to, plan.to));
  std::string line;
  return std::getline(std::cin, line) && trim(line) == plan.to;
}

double seconds_since(TimePoint start) { return std::chrono::duration<double>(runtime::boot_now() - start).count(); }

void report(const CommonOptions& common, const SwitchoverPlan& plan, std::uint64_t epoch, double seconds) {
  if (common.output == OutputFormat::json || common.output == OutputFormat::yaml) {
    const auto json =
        fmt::format(R"({{"from":"{}","to":"{}","epoch":{},"seconds":{:.3f}}})", plan.from, plan.to, epoch, seconds);
    print(common.output == OutputFormat::json ? json + "\n" : to_yaml(json));
    return;
  }
  print(fmt::format("{} serves as primary (epoch {}), {:.2f} s after the request.\n", plan.to, epoch, seconds));
}

runtime::Task<ExitCode> wait_until_served(api::AgentClient* agents, CommonOptions common, SwitchoverPlan plan,
                                          std::uint64_t old_epoch, TimePoint start, std::chrono::seconds timeout) {
  std::string last;
  while (runtime::boot_now() - start < timeout) {
    const auto site = co_await agents->fetch_site(common.limit);
    const auto& summary = site.summary;
    last = summary.reason;
    if (summary.epoch > old_epoch && !summary.primary.empty()) {
      if (summary.primary == plan.to) {
        report(common, plan, summary.epoch, seconds_since(start));
        co_return ExitCode::done;
      }
      complain(fmt::format("{} serves as primary now, not {} (epoch {}): see gemel events", summary.primary, plan.to,
                           summary.epoch));
      co_return ExitCode::failed;
    }
    co_await runtime::sleep_for(poll_interval);
  }
  complain(fmt::format("{} did not become primary within {} s; see gemel status. {}", plan.to, timeout.count(), last));
  co_return ExitCode::timed_out;
}

runtime::Task<ExitCode> ask_and_wait(api::AgentClient* agents, CommonOptions common, SwitchoverOptions options,
                                     SwitchoverPlan plan, std::uint64_t epoch) {
  const auto start = runtime::boot_now();
  const auto asked = co_await agents->request_switchover(plan.from, plan.to, std::chrono::seconds(5));
  if (!asked && asked.error().code != ErrorCode::timed_out) {
    complain("the switchover was not started: " + asked.error().message);
    co_return exit_code_of(asked.error());
  }
  if (!asked) complain("no clear answer from the agent; watching what happens");
  if (!options.is_waiting) {
    if (asked) print("The switchover was accepted.\n");
    co_return asked ? ExitCode::done : ExitCode::timed_out;
  }
  co_return co_await wait_until_served(agents, common, plan, epoch, start, options.timeout);
}

runtime::Task<ExitCode> switch_over(api::AgentClient* agents, CommonOptions common, SwitchoverOptions options) {
  const auto site = co_await agents->fetch_site(common.limit);
  const auto plan = plan_switchover(site, options.to);
  if (!plan) {
    complain("refused: " + plan.error().reason);
    co_return plan.error().code;
  }
  if (options.is_dry_run) {
    print(fmt::format("Would switch over from {} to {} (epoch {} to {}). Nothing was changed.\n", plan->from, plan->to,
                      site.summary.epoch, site.summary.epoch + 1));
    co_return ExitCode::done;
  }
  // Reading the terminal blocks the loop: nothing else runs in this program meanwhile.
  if (!options.is_confirmed && !confirmed_by_name(*plan)) {
    complain("not confirmed; nothing was changed");
    co_return ExitCode::refused;
  }
  co_return co_await ask_and_wait(agents, common, options, *plan, site.summary.epoch);
}

}  // namespace

ExitCode run_switchover(const CommonOptions& common, const SwitchoverOptions& options) {
  auto session = Session::open(common);
  if (!session) return give_up(session.error());
  return (*session)->run(switch_over(&(*session)->agents(), common, options));
}

}  // namespace gemel::cli
