// gemel apply: makes the hosts what the site file says, and shows how far each is.
#include <fmt/format.h>

#include "cli/carry_out.h"
#include "cli/plan_text.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"
#include "cli/site_file.h"

namespace gemel::cli {
namespace {

runtime::Task<ExitCode> apply_site(SetupSession* session, bool is_agreed, bool use_colour) {
  const auto plan = co_await lock_and_plan_after_asking(session, is_agreed, "gemel apply");
  auto code = ExitCode::failed;
  if (plan) {
    code = co_await apply_after_asking(session, &*plan, is_agreed, use_colour);
  } else {
    code = plan.error();
  }
  co_await session->close();
  co_return code;
}

}  // namespace

runtime::Task<ExitCode> apply_after_asking(SetupSession* session, const site::Plan* plan, bool is_agreed,
                                           bool use_colour, setup::CheckTimes times) {
  print(plan_table(session->site().name, *plan, false, use_colour));
  if (is_blocked(*plan)) {
    complain("this stands in the way; nothing was changed");
    co_return obstacle_of(*plan);
  }
  if (plan->steps.empty()) co_return ExitCode::done;
  if (!is_agreed && !is_confirmed(fmt::format("Carry out {}?", counted(plan->steps.size(), "step")))) {
    complain("nothing was changed");
    co_return ExitCode::refused;
  }
  const auto code =
      co_await carry_out(session, plan, use_colour, times, std::string(configuring_message_of(session->site())));
  if (code == ExitCode::done) print(fmt::format("{}\n", configured_message_of(session->site())));
  co_return code;
}

ExitCode run_apply(const CommonOptions& common, const SetupOptions& options) {
  const auto session = open_session(options);
  if (!session) return session.error();
  const auto stage = (*session)->exchange_stage();
  if (stage && *stage != site::ExchangeStage::none)
    complain("an exchange of certificates or keys is under way; `gemel rotate` goes on with it when this is done");
  return run_loop(apply_site(session->get(), options.is_confirmed, common.use_colour));
}

}  // namespace gemel::cli
