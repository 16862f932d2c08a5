#include "cli/carry_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "cli/progress_text.h"
#include "cli/site_file.h"
#include "setup/run_log.h"

namespace gemel::cli {
namespace {

/// For tests of interrupted runs; see setup::Hold. A run that stands still says why, and Ctrl-C ends it.
std::optional<setup::Hold> asked_hold() {
  const char* asked = std::getenv("GEMEL_SETUP_HOLD");
  if (asked == nullptr) return std::nullopt;
  auto hold = setup::parse_hold(asked);
  complain(hold ? fmt::format("GEMEL_SETUP_HOLD is set: this run is a test and stands still at {}", asked)
                : "GEMEL_SETUP_HOLD is set and cannot be read; passed over");
  return hold;
}

}  // namespace

runtime::Task<ExitCode> carry_out(SetupSession* session, const site::Plan* plan, bool use_colour,
                                  setup::CheckTimes times, std::string heading, std::string stopped) {
  const auto log = setup::RunLog::create(session->state());
  if (!log) co_return give_up(log.error());
  std::size_t width = 0;
  for (const auto& host : session->site().hosts) width = std::max(width, host.name.size());
  print(fmt::format("{}\nLog: {}\n", heading, (*log)->path().string()));
  auto outcome = co_await session->carry_out(
      plan, log->get(), [=](const setup::Progress& progress) { print(progress_line(progress, width, use_colour)); },
      times, asked_hold());
  if (!outcome) {
    complain(outcome.error().text);
    complain(fmt::format("stopped{}. Log: {}", stopped, (*log)->path().string()));
    co_return outcome.error().code;
  }
  co_return ExitCode::done;
}

}  // namespace gemel::cli
