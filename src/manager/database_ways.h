// How this manager reaches the site's database: libpq's connection strings.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "runtime/task_scope.h"
#include "site/host_config.h"

namespace gemel::manager {

/// The site's own database by its floating address, an external one by the endpoint's name; TLS verified in either
/// case. Loop thread only.
class DatabaseWays {
 public:
  explicit DatabaseWays(site::HostConfig config) : config_(std::move(config)) {}

  /// Whether find() can give anything: `invalid` when the site has no address for its database; the file's error when
  /// the password cannot be read. Blocks shortly.
  [[nodiscard]] Status check() const;
  /// The connection strings in the order in which they are to be tried, with the password in them: never log one. The
  /// present password first, then, while it is being rotated, the next. The files are read anew each time, which blocks
  /// shortly; an endpoint's name is looked up anew, because that is how a provider moves its database: what was found
  /// before counts when the name service is silent for `limit`. Errors of check(); `unavailable`: the name was never
  /// found.
  runtime::Task<Result<std::vector<std::string>>> find(Duration limit);

 private:
  [[nodiscard]] Result<std::vector<std::string>> passwords() const;
  [[nodiscard]] std::string conninfo(const std::string& host, const std::string& address,
                                     const std::string& password) const;

  site::HostConfig config_;
  std::vector<std::string> addresses_;  // of the endpoint, as they were found last
};

}  // namespace gemel::manager
