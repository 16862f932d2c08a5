// gemel convert: a standalone site that runs becomes a highly available one in place, with its data (ADR 0026). What is
// done is a plan like any other; here it is seen beforehand that it is this kind of plan.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/carry_out.h"
#include "cli/plan_text.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"
#include "cli/site_file.h"
#include "site/growth.h"

namespace gemel::cli {
namespace {

/// Some database host of the site runs.
bool is_running(const site::PlanInput& input) {
  return std::ranges::any_of(input.site.hosts, [&](const site::Host& host) {
    const auto found = input.facts.find(host.name);
    return found != input.facts.end() && host.concepts.database &&
           found->second.running_units.contains(std::string(site::agent_unit));
  });
}

/// Where users go from now on; empty when they go there already.
std::string way_of_users(const site::PlanInput& input) {
  std::vector<std::string> balancers;
  for (const auto& host : input.site.hosts)
    if (host.concepts.balancer) balancers.push_back(host.address);
  const bool is_direct = std::ranges::any_of(
      input.site.hosts, [&](const site::Host& host) { return site::is_entered_directly(input, host); });
  if (!is_direct) return {};
  return fmt::format(
      "{} still leads to the first manager, which stays open to users. Let it lead to the balancer ({}); when the "
      "hosts "
      "see that, \"gemel apply\" closes the managers to everybody but the balancer.\n",
      input.site.dns_name, join(balancers, ", "));
}

runtime::Task<ExitCode> convert(SetupSession* session, const ConvertOptions* options, bool use_colour) {
  const auto plan = co_await lock_and_plan_after_asking(session, options->setup.is_confirmed, "gemel convert");
  if (!plan) co_return plan.error();
  if (!is_blocked(*plan) && !is_running(session->input())) {
    complain(
        "no database of this site runs on these hosts, so there is nothing to convert: \"gemel apply\" sets a new site "
        "up; nothing was changed");
    co_return ExitCode::refused;
  }
  const bool is_growing = site::growth_of(session->input()).has_value();
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
  const auto session = SetupSession::open(*std::move(site), options.setup);
  if (!session) return give_up(session.error());
  const auto stage = (*session)->exchange_stage();
  if (stage && *stage != site::ExchangeStage::none) {
    complain(
        "an exchange of certificates or keys is under way: end it first with \"gemel rotate\"; nothing was changed");
    return ExitCode::refused;
  }
  return run_loop(convert_and_close(session->get(), &options, common.use_colour));
}

}  // namespace gemel::cli
