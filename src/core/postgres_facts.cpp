#include "core/postgres_facts.h"

namespace gemel::core {

std::string_view to_string(PostgresRun run) {
  switch (run) {
    case PostgresRun::unknown:
      return "unknown";
    case PostgresRun::absent:
      return "absent";
    case PostgresRun::ruined:
      return "ruined";
    case PostgresRun::stopped:
      return "stopped";
    case PostgresRun::starting:
      return "starting";
    case PostgresRun::standby:
      return "standby";
    case PostgresRun::primary:
      return "primary";
  }
  return "unknown";
}

}  // namespace gemel::core
