// gemel replace-host: a host that was lost and installed anew under its name and address does its part again, without
// a change of any other.
#include <fmt/format.h>

#include <algorithm>

#include "cli/carry_out.h"
#include "cli/plan_text.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"
#include "cli/site_file.h"
#include "cli/site_question.h"
#include "setup/replacement.h"

namespace gemel::cli {
namespace {

using setup::Replaceability;

// The primary gives a silent standby up within seconds; a person who just pulled the plug should not have to try again.
constexpr auto give_up_limit = std::chrono::seconds(60);
constexpr auto look_interval = std::chrono::seconds(1);

/// What keeps the site going meanwhile.
std::string who_serves(const site::Host& host, const api::SiteSummary& summary) {
  if (host.concepts.database) return fmt::format("{} serves; it does not count on {}.\n", summary.primary, host.name);
  if (summary.reason_code == "external") return fmt::format("The others serve without {}.\n", host.name);
  return fmt::format("The others have a majority without {}.\n", host.name);
}

/// `done` once the host may be replaced.
runtime::Task<ExitCode> wait_until_replaceable(SetupSession* session, site::Host host) {
  const auto deadline = runtime::boot_now() + give_up_limit;
  bool is_told = false;
  while (true) {
    const auto status = co_await ask_site(session, host.name);
    if (!status) co_return give_up(status.error().with("no host could say how the site is"));
    const auto answer = setup::replaceability_of(host, *status);
    if (answer.verdict == Replaceability::Verdict::possible) {
      print(who_serves(host, status->summary));
      co_return ExitCode::done;
    }
    if (answer.verdict == Replaceability::Verdict::refused || runtime::boot_now() >= deadline) {
      complain(answer.why + "; nothing was changed");
      co_return ExitCode::refused;
    }
    if (!is_told) print(fmt::format("Waiting: {}\n", answer.why));
    is_told = true;
    co_await runtime::sleep_for(look_interval);
  }
}

runtime::Task<ExitCode> end_when_whole(SetupSession* session, site::Host host, std::chrono::seconds limit) {
  const auto missing = co_await wait_until_whole(session, host, limit);
  if (!missing.empty()) {
    complain(missing);
    co_return ExitCode::timed_out;
  }
  print(host.name +
        (host.concepts.database ? " holds every write; a failover is possible again.\n" : " does its part again.\n"));
  co_return ExitCode::done;
}

/// A member of the store that reaches nobody at its start must not take itself for the first of a new site.
runtime::Task<ExitCode> prepare_voter(SetupSession* session, site::Host host) {
  if (!host.concepts.voter) co_return ExitCode::done;
  const auto noted = co_await session->changer()->run(host.name, setup::never_begin_anew());
  if (!noted) co_return give_up(noted.error().with(host.name));
  if (noted->exit_code == 0) co_return ExitCode::done;
  complain(fmt::format("{}: {}", host.name, noted->output));
  co_return ExitCode::failed;
}

runtime::Task<ExitCode> fill_host(SetupSession* session, const ReplaceHostOptions* options, site::Host host,
                                  const site::Plan* plan, bool use_colour) {
  print(plan_table(session->site().name, *plan, false, use_colour));
  if (is_blocked(*plan)) {
    complain("this stands in the way; nothing was changed");
    co_return obstacle_of(*plan);
  }
  if (!plan->steps.empty()) {
    if (!options->setup.is_confirmed &&
        !is_confirmed(fmt::format("Carry out {} on {}?", counted(plan->steps.size(), "step"), options->host))) {
      complain("nothing was changed");
      co_return ExitCode::refused;
    }
    auto code = co_await prepare_voter(session, host);
    if (code != ExitCode::done) co_return code;
    code = co_await carry_out(session, plan, use_colour, {.limit = limit_of(host, options->timeout)});
    if (code != ExitCode::done) co_return code;
  }
  const auto code = co_await end_when_whole(session, host, limit_of(host, options->timeout));
  co_return code;
}

runtime::Task<ExitCode> replace(SetupSession* session, const ReplaceHostOptions* options, site::Host host,
                                bool use_colour) {
  auto code = co_await wait_until_replaceable(session, host);
  if (code != ExitCode::done) co_return code;
  code = co_await session->accept_new_key(options->host, options->host_key);
  if (code != ExitCode::done) co_return code;
  const auto plan = co_await lock_and_plan_after_asking(session, options->setup.is_confirmed, "gemel replace-host");
  if (!plan) co_return plan.error();
  const auto part = site::plan_of_host(*plan, options->host);
  code = co_await fill_host(session, options, host, &part, use_colour);
  co_return code;
}

runtime::Task<ExitCode> replace_and_close(SetupSession* session, const ReplaceHostOptions* options, site::Host host,
                                          bool use_colour) {
  const auto code = co_await replace(session, options, host, use_colour);
  co_await session->close();
  co_return code;
}

}  // namespace

ExitCode run_replace_host(const CommonOptions& common, const ReplaceHostOptions& options) {
  const auto session = open_session(options.setup);
  if (!session) return session.error();
  const auto& hosts = (*session)->site().hosts;
  const auto host = std::ranges::find(hosts, options.host, &site::Host::name);
  if (host == hosts.end()) {
    complain(fmt::format("the site file has no host \"{}\"", options.host));
    return ExitCode::not_found;
  }
  return run_loop(replace_and_close(session->get(), &options, *host, common.use_colour));
}

}  // namespace gemel::cli
