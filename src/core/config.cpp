#include "core/config.h"

#include <fmt/format.h>

namespace gemel::core {

std::vector<std::string> check_config(const NodeId& self, const Config& config) {
  std::vector<std::string> mistakes = check_timers(config.timers);
  if (!config.databases.contains(self))
    mistakes.push_back("this host '" + self.name + "' is not a database host of the site");
  if (!config.databases.contains(config.bootstrapper)) {
    mistakes.push_back("the first database host '" + config.bootstrapper.name + "' is not a database host of the site");
  }
  if (config.cluster_id.empty()) mistakes.push_back("the site has no id");
  const auto others = config.databases.size() > 1 ? config.databases.size() - 1 : 1;
  if (config.sync_standbys < 1 || config.sync_standbys > others) {
    mistakes.push_back(
        fmt::format("sync_standbys is {}: set it to at least 1 and at most {}, the number of the other database hosts",
                    config.sync_standbys, others));
  }
  if (config.min_copies < 1 || config.min_copies > config.sync_standbys + 1 ||
      config.min_copies > config.databases.size()) {
    mistakes.push_back(fmt::format(
        "min_copies is {}: set it to at least 1 and at most {} (1 + sync_standbys) and {} (the number of database "
        "hosts), or the site could never be written to",
        config.min_copies, config.sync_standbys + 1, config.databases.size()));
  }
  return mistakes;
}

}  // namespace gemel::core
