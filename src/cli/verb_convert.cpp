// gemel convert: a standalone site that runs becomes a highly available one in place, with its data (ADR 0026). What is
// done is a plan like any other; here it is seen beforehand that it is this kind of plan.
#include "cli/carry_out.h"
#include "cli/conversion.h"
#include "cli/plan_text.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"
#include "cli/site_file.h"

namespace gemel::cli {
namespace {

runtime::Task<ExitCode> convert(SetupSession* session, const ConvertOptions* options, bool use_colour) {
  const auto plan = co_await lock_and_plan_after_asking(session, options->setup.is_confirmed, "gemel convert");
  if (!plan) co_return plan.error();
  if (!is_blocked(*plan) && !is_running(session->input())) {
    complain(std::string(nothing_to_convert));
    co_return ExitCode::refused;
  }
  const bool is_growing = cli::is_growing(session->input());
  const auto code = co_await apply_after_asking(session, &*plan, options->setup.is_confirmed, use_colour,
                                                {.limit = options->timeout});
  if (code != ExitCode::done) co_return code;
  if (is_growing || !plan->steps.empty()) print(way_of_users(session->input()));
  co_return code;
}

runtime::Task<ExitCode> convert_and_close(SetupSession* session, const ConvertOptions* options, bool use_colour) {
  const auto code = co_await convert(session, options, use_colour);
  co_await session->close();
  co_return code;
}

}  // namespace

ExitCode run_convert(const CommonOptions& common, const ConvertOptions& options) {
  auto site = read_site_file(options.setup.site_file, "nothing was changed");
  if (!site) return site.error();
  if (site->is_standalone()) {
    complain(
        "the site file still describes a standalone site: give its hosts the roles of a highly available one, add the "
        "new hosts and a \"vip\"; nothing was changed");
    return ExitCode::usage;
  }
  if (site->database.external) {
    complain(
        "the database is external, so there is none to convert: add the hosts to the site file and use \"gemel "
        "apply\"; nothing was changed");
    return ExitCode::refused;
  }
  const auto session = SetupSession::open(*std::move(site), options.setup);
  if (!session) return give_up(session.error());
  if (const auto refused = exchange_in_the_way(**session)) return give_up(*refused);
  return run_loop(convert_and_close(session->get(), &options, common.use_colour));
}

}  // namespace gemel::cli
