// gemel plan: what gemel apply would do now, and what stands in its way. Changes no host.
#include "cli/asking.h"
#include "cli/plan_text.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"

namespace gemel::cli {
namespace {

runtime::Task<ExitCode> show_plan(SetupSession* session, CommonOptions common, bool is_confirmed) {
  const auto plan = co_await plan_after_asking(session, is_confirmed);
  co_await session->close();
  if (!plan) co_return plan.error();
  const auto& name = session->site().name;
  print_result(common.output, plan_json(name, *plan),
               plan_table(name, *plan, common.output == OutputFormat::wide, common.use_colour));
  // A blocked plan is no plan that can be carried out: the exit code says so.
  co_return obstacle_of(*plan);
}

}  // namespace

ExitCode run_plan(const CommonOptions& common, const SetupOptions& options) {
  const auto session = open_session(options);
  if (!session) return session.error();
  return run_loop(show_plan(session->get(), common, options.is_confirmed));
}

}  // namespace gemel::cli
