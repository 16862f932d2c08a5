// What gemel plan and gemel apply share: the state directory of a site's setup, the hosts' pinned keys, and the plan.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "cli/verbs.h"
#include "setup/ssh_remote.h"
#include "site/plan.h"
#include "site/tree.h"

namespace gemel::cli {

/// One run of a verb. Holds the state directory against a second run until it is destroyed.
class SetupSession {
 public:
  /// Reads the site file, takes the state directory, renders. `usage` for mistakes, `refused` when another run is at
  /// it; everything is complained about already.
  static std::expected<std::unique_ptr<SetupSession>, ExitCode> open(const SetupOptions& options);

  /// Pins the keys of hosts that were never seen, after a person has compared their fingerprints (or at once with
  /// --yes). Suspends.
  runtime::Task<std::expected<void, ExitCode>> pin_new_hosts();
  /// The same; then gathers facts and plans. Suspends.
  runtime::Task<std::expected<site::Plan, ExitCode>> make_plan();
  /// Looks at the key that `host` shows now. One that is pinned: `done`. Another one is shown beside the pinned one and
  /// takes its place only when a person agrees, or when it has the fingerprint `expected` ("SHA256:…", not empty):
  /// --yes does not agree to it. `unreachable` when it shows none. Suspends.
  runtime::Task<ExitCode> accept_new_key(std::string host, std::string expected);
  /// Ends the connections. Suspends.
  runtime::Task<void> close();

  [[nodiscard]] const site::Site& site() const { return input_.site; }
  /// The UUID that render gave the site.
  [[nodiscard]] const std::string& site_id() const { return input_.manifest.site_id; }
  [[nodiscard]] const std::filesystem::path& state() const { return state_; }
  [[nodiscard]] setup::Remote* remote() const { return remote_.get(); }

 private:
  SetupSession(SetupOptions options, std::filesystem::path state, site::DirectoryLock lock)
      : options_(std::move(options)), state_(std::move(state)), lock_(std::move(lock)) {}

  SetupOptions options_;
  std::filesystem::path state_;
  site::DirectoryLock lock_;
  site::PlanInput input_;
  std::unique_ptr<setup::SshRemote> remote_;
};

/// The package files of ours in a directory, by their names NAME_VERSION_ARCHITECTURE.deb; of several versions the one
/// that was written last. `not_found` when there is no such directory. Blocks.
Result<std::vector<site::LocalPackage>> find_packages(const std::filesystem::path& directory);

/// Asks on the terminal; false for anything but "yes", and when there is nobody to answer.
bool is_confirmed(const std::string& question);

}  // namespace gemel::cli
