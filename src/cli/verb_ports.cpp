// gemel ports: who speaks to whom in a site, for people, programs and clouds. Asks no host.
#include "cli/document.h"
#include "cli/ports_text.h"
#include "cli/site_file.h"
#include "cli/verbs.h"

namespace gemel::cli {

ExitCode run_ports(const CommonOptions& common, const PortsOptions& options) {
  const auto site = read_site_file(options.site_file, "nothing was printed");
  if (!site) return site.error();
  switch (options.output) {
    case PortsOutput::table:
    case PortsOutput::wide:
      print(ports_table(*site, options.output == PortsOutput::wide, common.use_colour));
      break;
    case PortsOutput::json:
      print(pretty_json(ports_json(*site)));
      break;
    case PortsOutput::yaml:
      print(to_yaml(ports_json(*site)));
      break;
    case PortsOutput::aws:
      print(pretty_json(ports_aws(*site)));
      break;
    case PortsOutput::openstack:
      print(pretty_json(ports_openstack(*site)));
      break;
  }
  return ExitCode::done;
}

}  // namespace gemel::cli
