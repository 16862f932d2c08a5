// gemel render: one site file becomes one tree of files per host; or every mistake in it at once.
#include <fmt/format.h>

#include <cstdio>
#include <set>
#include <string>

#include "cli/site_file.h"
#include "cli/verbs.h"
#include "site/render.h"

namespace gemel::cli {

ExitCode run_render(const RenderOptions& options) {
  const auto site = read_site_file(options.site_file, "nothing was written");
  if (!site) return site.error();
  const auto rendered = site::render(*site, options.out);
  if (!rendered) return give_up(rendered.error());
  std::set<std::string> warnings;  // the same for every host
  for (const auto& finding : rendered->findings) warnings.insert(sentence_of(finding));
  for (const auto& warning : warnings) std::fputs(("warning: " + warning + "\n").c_str(), stderr);
  print(fmt::format("Rendered site {} ({}) for {} into {}; {} issued. Settings: {}\n", site->name, rendered->site_id,
                    counted(site->hosts.size(), "host"), options.out.string(),
                    counted(rendered->certificates_issued, "certificate"), rendered->summary.string()));
  return ExitCode::done;
}

}  // namespace gemel::cli
