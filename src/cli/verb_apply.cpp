// gemel apply: makes the hosts what the site file says, and shows how far each is.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "cli/plan_text.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"
#include "cli/site_file.h"
#include "cli/table.h"
#include "setup/plan_run.h"

namespace gemel::cli {
namespace {

constexpr std::size_t bar_width = 20;

std::string bar(std::size_t done, std::size_t all) {
  const auto filled = all == 0 ? bar_width : done * bar_width / all;
  return std::string(filled, '#') + std::string(bar_width - filled, '.');
}

/// One line per event, the same on a terminal and in a file: nothing is drawn over.
void show(const setup::Progress& progress, std::size_t name_width, bool use_colour) {
  using Phase = setup::Progress::Phase;
  if (progress.phase == Phase::begun && !progress.step->id.ends_with("-check") && progress.step->restarts.empty() &&
      progress.step->kind != site::StepKind::install_packages)
    return;
  const auto* what = progress.phase == Phase::begun ? "..." : progress.phase == Phase::done ? "done" : "FAILED: ";
  const auto colour = progress.phase == Phase::failed ? Colour::bad : Colour::none;
  const auto name = progress.step->id.substr(progress.step->id.find('/') + 1);
  const auto text = printable(fmt::format("{} {}{}", name, what, progress.text));
  print(fmt::format("{:<{}} [{}] {}/{} {}\n", progress.step->host, name_width, bar(progress.done, progress.of_host),
                    progress.done, progress.of_host, coloured(text, colour, use_colour)));
}

ExitCode refusal_of(const site::Plan& plan) {
  const bool is_unreachable = std::ranges::any_of(plan.problems, [](const site::Problem& problem) {
    return problem.is_blocking && problem.code == site::ProblemCode::unreachable;
  });
  return is_unreachable ? ExitCode::unreachable : ExitCode::refused;
}

runtime::Task<ExitCode> carry_out(SetupSession* session, const site::Plan* plan, bool use_colour) {
  const auto log = setup::RunLog::create(session->state());
  if (!log) co_return give_up(log.error());
  std::size_t width = 0;
  for (const auto& host : session->site().hosts) width = std::max(width, host.name.size());
  print(fmt::format("Configuring CCM HA ...\nLog: {}\n", (*log)->path().string()));
  setup::PlanRun run(session->remote(), plan, session->site().name, log->get(),
                     [=](const setup::Progress& progress) { show(progress, width, use_colour); });
  const auto outcome = co_await run.run();
  if (!outcome) {
    complain(outcome.error().to_string());
    complain(fmt::format("stopped; the same command goes on from here. Log: {}", (*log)->path().string()));
    co_return exit_code_of(outcome.error()) == ExitCode::refused ? ExitCode::failed : exit_code_of(outcome.error());
  }
  print("Configured CCM HA successfully\n");
  co_return ExitCode::done;
}

runtime::Task<ExitCode> apply_plan(SetupSession* session, const site::Plan* plan, bool is_agreed, bool use_colour) {
  print(plan_table(session->site().name, *plan, false, use_colour));
  if (is_blocked(*plan)) {
    complain("this stands in the way; nothing was changed");
    co_return refusal_of(*plan);
  }
  if (plan->steps.empty()) co_return ExitCode::done;
  if (!is_agreed && !is_confirmed(fmt::format("Carry out {}?", counted(plan->steps.size(), "step")))) {
    complain("nothing was changed");
    co_return ExitCode::refused;
  }
  const auto code = co_await carry_out(session, plan, use_colour);
  co_return code;
}

runtime::Task<ExitCode> apply_site(SetupSession* session, bool is_agreed, bool use_colour) {
  const auto plan = co_await session->make_plan();
  auto code = ExitCode::failed;
  if (plan) {
    code = co_await apply_plan(session, &*plan, is_agreed, use_colour);
  } else {
    code = plan.error();
  }
  co_await session->close();
  co_return code;
}

}  // namespace

ExitCode run_apply(const CommonOptions& common, const SetupOptions& options) {
  const auto session = SetupSession::open(options);
  if (!session) return session.error();
  return run_loop(apply_site(session->get(), options.is_confirmed, common.use_colour));
}

}  // namespace gemel::cli
