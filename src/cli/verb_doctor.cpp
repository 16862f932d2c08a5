// gemel doctor --before: what would keep a site from being set up, as a report by itself. Changes no host.
#include "cli/asking.h"
#include "cli/plan_text.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"

namespace gemel::cli {
namespace {

runtime::Task<ExitCode> report(SetupSession* session, CommonOptions common, bool is_confirmed) {
  const auto plan = co_await plan_after_asking(session, is_confirmed);
  co_await session->close();
  if (!plan) co_return plan.error();
  const auto& name = session->site().name;
  print_result(common.output, findings_json(name, *plan), findings_text(name, *plan, common.use_colour));
  co_return is_blocked(*plan) ? ExitCode::refused : ExitCode::done;
}

}  // namespace

ExitCode run_doctor(const CommonOptions& common, const SetupOptions& options) {
  const auto session = open_session(options);
  if (!session) return session.error();
  return run_loop(report(session->get(), common, options.is_confirmed));
}

}  // namespace gemel::cli
