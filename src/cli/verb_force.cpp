// gemel force: a host outside of the synchronous set takes over with what it has, after a person has read what that may
// lose and typed that all others are fenced.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <iostream>

#include "base/text.h"
#include "cli/asking.h"
#include "cli/operator_plan.h"
#include "cli/table.h"
#include "cli/verbs.h"

namespace gemel::cli {
namespace {

constexpr auto ask_limit = std::chrono::seconds(5);

/// `--confirm` or a line typed; the phrase must be exact either way.
bool is_confirmed(const ForceOptions& options, const std::string& phrase) {
  if (!options.phrase.empty()) return options.phrase == phrase;
  print(
      "Writes that only other hosts hold will be gone. A host that still serves elsewhere would make two primaries:\n"
      "power the others off, or cut them from their clients, first.\n"
      "Type \"" +
      phrase + "\" to go on: ");
  std::string line;
  return std::getline(std::cin, line) && trim(line) == phrase;
}

runtime::Task<ExitCode> watch(api::AgentClient* agents, CommonOptions common, ForceOptions options, std::string host,
                              std::string report, std::uint64_t before) {
  const auto after = co_await wait_for_site(
      agents, common.limit, options.timeout,
      [&host, before](const api::SiteSummary& it) { return it.epoch > before && it.primary == host; });
  if (!after) {
    complain(
        fmt::format("{} does not serve after {} s; see gemel status and gemel events", host, options.timeout.count()));
    co_return ExitCode::timed_out;
  }
  const auto json = boost::json::serialize(
      boost::json::object{{"primary", host}, {"epoch", after->summary.epoch}, {"report", report}});
  print_result(common.output, json, fmt::format("{} serves as primary (epoch {}).\n", host, after->summary.epoch));
  co_return ExitCode::done;
}

runtime::Task<ExitCode> force(api::AgentClient* agents, CommonOptions common, ForceOptions options) {
  const auto site = co_await agents->fetch_site(common.limit);
  const auto host = plan_force(site, options.host, agents->config().self_name);
  if (!host) {
    complain("refused: " + host.error().reason);
    co_return host.error().code;
  }
  const auto report = co_await agents->request_force(*host, asking_user(), false, ask_limit);
  if (!report) {
    complain("refused: " + printable(report.error().message));
    co_return exit_code_of(report.error());
  }
  const auto phrase = force_phrase(*host);
  const bool is_table = common.output == OutputFormat::table || common.output == OutputFormat::wide;
  if (is_table) print("What may be lost: " + printable(*report) + "\n");
  if (options.is_dry_run) {
    const auto json = boost::json::serialize(boost::json::object{{"report", *report}, {"phrase", phrase}});
    print_result(common.output, json, "To go on: gemel force --host " + *host + " --confirm \"" + phrase + "\"\n");
    co_return ExitCode::done;
  }
  // Reading the terminal blocks the loop: nothing else runs in this program meanwhile.
  if (!is_confirmed(options, phrase)) {
    complain("not confirmed with \"" + phrase + "\"; nothing was changed");
    co_return ExitCode::refused;
  }
  const auto taken = co_await agents->request_force(*host, asking_user(), true, ask_limit);
  if (!taken && taken.error().code != ErrorCode::timed_out) {
    complain("refused: " + printable(taken.error().message));
    co_return exit_code_of(taken.error());
  }
  co_return co_await watch(agents, common, options, *host, *report, site.summary.epoch);
}

}  // namespace

ExitCode run_force(const CommonOptions& common, const ForceOptions& options) {
  auto session = Session::open(common);
  if (!session) return give_up(session.error());
  return (*session)->run(force(&(*session)->agents(), common, options));
}

}  // namespace gemel::cli
