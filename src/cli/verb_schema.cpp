// gemel schema: what a site file may hold, from the table that its reader uses. Asks no host.
#include "cli/document.h"
#include "cli/schema_text.h"
#include "cli/verbs.h"
#include "site/site_sample.h"

namespace gemel::cli {

ExitCode run_schema(const CommonOptions& common, const SchemaOptions& options) {
  if (options.is_sample) {
    print(site::site_sample());
    return ExitCode::done;
  }
  if (options.is_markdown) {
    print(schema_markdown());
    return ExitCode::done;
  }
  switch (common.output) {
    case OutputFormat::json:
      print(pretty_json(schema_json()));
      break;
    case OutputFormat::yaml:
      print(to_yaml(schema_json()));
      break;
    case OutputFormat::table:
    case OutputFormat::wide:
      print(schema_table(common.output == OutputFormat::wide, common.use_colour));
      break;
  }
  return ExitCode::done;
}

}  // namespace gemel::cli
