// gemel render: one site file becomes one tree of files per host; or every mistake in it at once.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "runtime/files.h"
#include "site/render.h"
#include "site/site.h"

namespace gemel::cli {
namespace {

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

ExitCode run_render(const RenderOptions& options) {
  const auto text = runtime::read_file(options.site_file);
  if (!text) return give_up(text.error().with(options.site_file.string()));
  const auto parsed = site::parse_site(*text, options.site_file.string());
  for (const auto& mistake : parsed.mistakes) std::fputs((to_string(mistake) + "\n").c_str(), stderr);
  for (const auto& warning : parsed.warnings) {
    auto marked = warning;
    marked.text = "warning: " + marked.text;
    std::fputs((to_string(marked) + "\n").c_str(), stderr);
  }
  if (!parsed.site) {
    complain(counted(parsed.mistakes.size(), "mistake") + "; nothing was written");
    return ExitCode::usage;
  }
  const auto rendered = site::render(*parsed.site, options.out);
  if (!rendered) return give_up(rendered.error());
  print(fmt::format("Rendered site {} ({}) for {} into {}; {} issued. Settings: {}\n", parsed.site->name,
                    rendered->site_id, counted(parsed.site->hosts.size(), "host"), options.out.string(),
                    counted(rendered->certificates_issued, "certificate"), rendered->summary.string()));
  return ExitCode::done;
}

}  // namespace gemel::cli
