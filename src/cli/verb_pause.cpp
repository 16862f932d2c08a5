// gemel pause and gemel resume: maintenance with an owner, a reason and an end.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/asking.h"
#include "cli/operator_plan.h"
#include "cli/pause_length.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "core/record.h"

namespace gemel::cli {
namespace {

constexpr auto ask_limit = std::chrono::seconds(5);

/// Complains about an answer that is no acceptance; nothing when it may have been one.
std::optional<ExitCode> not_accepted(const Status& asked, const char* what) {
  if (asked) return std::nullopt;
  if (asked.error().code == ErrorCode::timed_out) {
    complain("no clear answer from the agent; watching what happens");
    return std::nullopt;
  }
  complain(fmt::format("{}: {}", what, printable(asked.error().message)));
  return exit_code_of(asked.error());
}

std::string paused_json(const api::SiteSummary& summary) {
  const auto& pause = *summary.pause;
  return boost::json::serialize(boost::json::object{{"state", summary.state},
                                                    {"by", pause.by},
                                                    {"reason", pause.reason},
                                                    {"until", pause.until},
                                                    {"length_seconds", pause.length_seconds},
                                                    {"revision", summary.revision}});
}

runtime::Task<ExitCode> pause(api::AgentClient* agents, CommonOptions common, PauseOptions options,
                              std::chrono::seconds length) {
  const auto site = co_await agents->fetch_site(common.limit);
  const auto host = plan_pause(site, options.host);
  if (!host) {
    complain("refused: " + host.error().reason);
    co_return host.error().code;
  }
  const auto asked = co_await agents->request_pause(*host, {asking_user(), options.reason, length}, ask_limit);
  if (const auto code = not_accepted(asked, "the site was not paused")) co_return *code;
  const auto before = site.summary.revision;
  const auto after = co_await wait_for_site(agents, common.limit, options.timeout, [&](const api::SiteSummary& it) {
    return it.state == "paused" && it.pause && it.revision > before && it.pause->reason == options.reason;
  });
  if (!after) {
    complain(fmt::format("the site is not paused after {} s; see gemel events", options.timeout.count()));
    co_return ExitCode::timed_out;
  }
  const auto& summary = after->summary;
  print_result(common.output, paused_json(summary),
               fmt::format("Paused by {} for {}, until {}: {}\nNobody takes over and nothing is restarted until then. "
                           "End it with: gemel resume\n",
                           printable(summary.pause->by), length_text(length), printable(summary.pause->until),
                           printable(summary.pause->reason)));
  co_return ExitCode::done;
}

runtime::Task<ExitCode> resume(api::AgentClient* agents, CommonOptions common, ResumeOptions options) {
  const auto site = co_await agents->fetch_site(common.limit);
  const auto host = plan_resume(site, options.host);
  if (!host) {
    complain("refused: " + host.error().reason);
    co_return host.error().code;
  }
  const auto asked = co_await agents->request_resume(*host, asking_user(), ask_limit);
  if (const auto code = not_accepted(asked, "the pause was not ended")) co_return *code;
  const auto after = co_await wait_for_site(agents, common.limit, options.timeout,
                                            [before = site.summary.revision](const api::SiteSummary& it) {
                                              return it.state != "paused" && it.revision > before;
                                            });
  if (!after) {
    complain(
        fmt::format("the site is still paused after {} s: the end waits until every copy answers the primary's "
                    "heartbeats; see gemel status",
                    options.timeout.count()));
    co_return ExitCode::timed_out;
  }
  const auto json = boost::json::serialize(
      boost::json::object{{"state", after->summary.state}, {"revision", after->summary.revision}});
  print_result(common.output, json, "The pause is over. Failover: " + printable(after->summary.reason) + "\n");
  co_return ExitCode::done;
}

}  // namespace

ExitCode run_pause(const CommonOptions& common, const PauseOptions& options) {
  const auto length = parse_length(options.length);
  if (!length) {
    complain(fmt::format("--for \"{}\" is no length of time: write it as 90s, 30m, 2h, 1h30m or 1d", options.length));
    return ExitCode::usage;
  }
  if (*length < core::shortest_pause || *length > core::longest_pause) {
    complain("--for must be between 10s and 7d");
    return ExitCode::usage;
  }
  if (options.reason.empty()) {
    complain("--reason must say why: everybody sees it while the site is paused");
    return ExitCode::usage;
  }
  auto session = Session::open(common);
  if (!session) return give_up(session.error());
  return (*session)->run(pause(&(*session)->agents(), common, options, *length));
}

ExitCode run_resume(const CommonOptions& common, const ResumeOptions& options) {
  auto session = Session::open(common);
  if (!session) return give_up(session.error());
  return (*session)->run(resume(&(*session)->agents(), common, options));
}

}  // namespace gemel::cli
