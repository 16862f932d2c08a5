// gemel topology: who stands before whom, as a tree.
#include "cli/document.h"
#include "cli/site_text.h"
#include "cli/verbs.h"

namespace gemel::cli {
namespace {

runtime::Task<ExitCode> show(api::AgentClient* agents, CommonOptions common) {
  const auto site = co_await agents->fetch_site(common.limit);
  if (common.output == OutputFormat::json) {
    print(pretty_json(api::to_json(site)));
  } else if (common.output == OutputFormat::yaml) {
    print(to_yaml(api::to_json(site)));
  } else {
    print(topology_text(site, common.use_colour));
  }
  co_return site.summary.reason_code == "unknown" ? ExitCode::unreachable : ExitCode::done;
}

}  // namespace

ExitCode run_topology(const CommonOptions& common) {
  auto session = Session::open(common);
  if (!session) return give_up(session.error());
  return (*session)->run(show(&(*session)->agents(), common));
}

}  // namespace gemel::cli
