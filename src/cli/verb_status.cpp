// gemel status: the site in one table, once or every second.
#include "cli/document.h"
#include "cli/site_text.h"
#include "cli/verbs.h"

namespace gemel::cli {
namespace {

std::string text_of(const api::SiteStatus& site, const CommonOptions& common) {
  switch (common.output) {
    case OutputFormat::json:
      return pretty_json(api::to_json(site));
    case OutputFormat::yaml:
      return to_yaml(api::to_json(site));
    case OutputFormat::wide:
      return status_text(site, TableWidth::wide, common.use_colour);
    case OutputFormat::table:
      break;
  }
  return status_text(site, TableWidth::normal, common.use_colour);
}

runtime::Task<ExitCode> show_once(api::AgentClient* agents, CommonOptions common) {
  const auto site = co_await agents->fetch_site(common.limit);
  print(text_of(site, common));
  co_return site.summary.reason_code == "unknown" ? ExitCode::unreachable : ExitCode::done;
}

runtime::Task<ExitCode> show_for_ever(api::AgentClient* agents, CommonOptions common) {
  const bool is_screen = common.output == OutputFormat::table || common.output == OutputFormat::wide;
  for (;;) {
    const auto site = co_await agents->fetch_site(common.limit);
    print((is_screen && common.use_colour ? "\x1b[H\x1b[2J" : "") + text_of(site, common) +
          (is_screen ? site.time + "\n" : ""));
    co_await runtime::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace

ExitCode run_status(const CommonOptions& common, const StatusOptions& options) {
  auto session = Session::open(common);
  if (!session) return give_up(session.error());
  auto* agents = &(*session)->agents();
  return (*session)->run(options.is_watch ? show_for_ever(agents, common) : show_once(agents, common));
}

}  // namespace gemel::cli
