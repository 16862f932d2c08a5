// gemel plan: what gemel apply would do now, and what stands in its way. Changes no host.
#include "cli/document.h"
#include "cli/plan_text.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"

namespace gemel::cli {
namespace {

/// A blocked plan is no plan that can be carried out: the exit code says so.
ExitCode code_of(const site::Plan& plan) {
  for (const auto& problem : plan.problems)
    if (problem.is_blocking && problem.code == site::ProblemCode::unreachable) return ExitCode::unreachable;
  return is_blocked(plan) ? ExitCode::refused : ExitCode::done;
}

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
  co_return code_of(*plan);
}

}  // namespace

ExitCode run_plan(const CommonOptions& common, const SetupOptions& options) {
  const auto session = SetupSession::open(options);
  if (!session) return session.error();
  return run_loop(show_plan(session->get(), common));
}

}  // namespace gemel::cli
