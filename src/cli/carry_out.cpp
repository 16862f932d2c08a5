#include "cli/carry_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "cli/plan_text.h"
#include "cli/table.h"

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

/// For tests of interrupted runs; see setup::Hold. A run that stands still says why, and Ctrl-C ends it.
void hold_if_asked(setup::PlanRun& run) {
  const char* asked = std::getenv("GEMEL_SETUP_HOLD");
  if (asked == nullptr) return;
  const auto hold = setup::parse_hold(asked);
  if (!hold) return complain("GEMEL_SETUP_HOLD is set and cannot be read; passed over");
  complain(fmt::format("GEMEL_SETUP_HOLD is set: this run is a test and stands still at {}", asked));
  run.hold_at(*hold);
}

}  // namespace

ExitCode code_of(const site::Plan& plan) {
  const bool is_unreachable = std::ranges::any_of(plan.problems, [](const site::Problem& problem) {
    return problem.is_blocking && problem.code == site::ProblemCode::unreachable;
  });
  if (is_unreachable) return ExitCode::unreachable;
  return is_blocked(plan) ? ExitCode::refused : ExitCode::done;
}

runtime::Task<ExitCode> carry_out(SetupSession* session, const site::Plan* plan, bool use_colour,
                                  setup::CheckTimes times) {
  const auto log = setup::RunLog::create(session->state());
  if (!log) co_return give_up(log.error());
  std::size_t width = 0;
  for (const auto& host : session->site().hosts) width = std::max(width, host.name.size());
  print(fmt::format("Configuring CCM HA ...\nLog: {}\n", (*log)->path().string()));
  setup::PlanRun run(
      session->remote(), plan, session->site().name, log->get(),
      [=](const setup::Progress& progress) { show(progress, width, use_colour); }, times);
  hold_if_asked(run);
  const auto outcome = co_await run.run();
  if (!outcome) {
    complain(outcome.error().to_string());
    complain(fmt::format("stopped; the same command goes on from here. Log: {}", (*log)->path().string()));
    co_return exit_code_of(outcome.error()) == ExitCode::refused ? ExitCode::failed : exit_code_of(outcome.error());
  }
  co_return ExitCode::done;
}

}  // namespace gemel::cli
