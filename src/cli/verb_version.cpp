// gemel version.
#include "cli/document.h"
#include "cli/verbs.h"

namespace gemel::cli {

ExitCode run_version(const CommonOptions& common) {
  const std::string json = R"({"version":")" GEMEL_VERSION R"("})";
  switch (common.output) {
    case OutputFormat::json:
      print(json + "\n");
      break;
    case OutputFormat::yaml:
      print(to_yaml(json));
      break;
    case OutputFormat::table:
    case OutputFormat::wide:
      print("gemel " GEMEL_VERSION "\n");
      break;
  }
  return ExitCode::done;
}

}  // namespace gemel::cli
