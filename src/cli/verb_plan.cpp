// gemel plan: what gemel apply would do now, and what stands in its way. Changes no host.
#include "cli/carry_out.h"
#include "cli/document.h"
#include "cli/plan_text.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"

namespace gemel::cli {
namespace {

runtime::Task<ExitCode> show_plan(SetupSession* session, CommonOptions common) {
  const auto plan = co_await session->make_plan();
  co_await session->close();
  if (!plan) co_return plan.error();
  const auto& name = session->site().name;
  switch (common.output) {
    case OutputFormat::json:
      print(pretty_json(plan_json(name, *plan)));
      break;
    case OutputFormat::yaml:
      print(to_yaml(plan_json(name, *plan)));
      break;
    case OutputFormat::table:
    case OutputFormat::wide:
      print(plan_table(name, *plan, common.output == OutputFormat::wide, common.use_colour));
      break;
  }
  co_return code_of(*plan);  // a blocked plan is no plan that can be carried out
}

}  // namespace

ExitCode run_plan(const CommonOptions& common, const SetupOptions& options) {
  const auto session = SetupSession::open(options);
  if (!session) return session.error();
  return run_loop(show_plan(session->get(), common));
}

}  // namespace gemel::cli
