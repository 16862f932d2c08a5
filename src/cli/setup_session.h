// What the verbs that go to the hosts share: the state directory of a site's setup, the hosts' pinned keys,
// the plan, and carrying it out. Prints nothing but where it says so.
#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/verbs.h"
#include "setup/host_keys.h"
#include "setup/host_lock.h"
#include "setup/plan_run.h"
#include "setup/ssh_remote.h"
#include "site/authorities.h"
#include "site/plan.h"
#include "site/tree.h"

namespace gemel::cli {

/// The mission's messages around carrying a plan out, word for word.
inline constexpr std::string_view configuring_message = "Configuring CCM HA ...";
inline constexpr std::string_view configured_message = "Configured CCM HA successfully";
/// The same without what a site that is not highly available has not.
inline std::string_view configuring_message_of(const site::Site& site) {
  return site.is_highly_available() ? configuring_message : "Configuring CCM ...";
}
inline std::string_view configured_message_of(const site::Site& site) {
  return site.is_highly_available() ? configured_message : "Configured CCM successfully";
}

/// Why the setup cannot go on: for the exit status, and for a person.
struct Refusal {
  ExitCode code = ExitCode::failed;
  std::string text;
};
/// Complains, and gives the code.
ExitCode give_up(const Refusal& refusal);

/// Where the setup of a site keeps its things: as the options say, else /var/lib/gemel/setup/<site>.
std::filesystem::path state_directory(const SetupOptions& options, const std::string& site_name);

/// One run of a verb. Holds the state directory against a second run until it is destroyed. Loop thread only.
class SetupSession {
 public:
  /// Takes the state directory, which is made when it is missing, and renders into it. `refused` when another run is at
  /// it. `options.site_file` is not read. Blocks.
  static std::expected<std::unique_ptr<SetupSession>, Refusal> open(site::Site site, const SetupOptions& options);

  /// The keys that hosts without a pinned one show: a person has to compare them. Suspends.
  runtime::Task<std::expected<std::vector<setup::HostKey>, Refusal>> new_host_keys();
  /// Believes these keys from now on. Blocks.
  std::expected<void, Refusal> believe(const std::vector<setup::HostKey>& keys);
  /// How far an exchange of certificates or keys is. Blocks.
  [[nodiscard]] std::expected<site::ExchangeStage, Refusal> exchange_stage() const;
  /// Takes it one stage on and renders again: see site::advance_exchange(). Blocks.
  std::expected<site::ExchangeStage, Refusal> advance_exchange(const site::Exchanged& what);
  /// Another site file: renders again. No host may come that was not there at open(). `leaving`: a host that was, and
  /// is taken out. After an error the rendered files may be of either site. Blocks.
  std::expected<void, Refusal> change_site(site::Site site, std::string leaving = {});
  /// The key of a host that is gone is not believed any more. Blocks.
  std::expected<void, Refusal> forget_key(const std::string& host);
  /// Takes the lock of every host that answers, until close(): before the plan that shall be carried out, and before
  /// any change. `refused` when another run holds one, with who and since when. `verb` stands in what others are told
  /// of this run. Suspends.
  runtime::Task<std::expected<void, Refusal>> lock_hosts(std::string verb);
  /// Gathers facts and plans. A host without a pinned key is not reachable. Suspends.
  runtime::Task<site::Plan> make_plan();
  /// Looks at the key that `host` shows now. One that is pinned: `done`. Another one is shown beside the pinned one and
  /// takes its place only when a person agrees, or when it has the fingerprint `expected` ("SHA256:…", not empty):
  /// --yes does not agree to it. `unreachable` when it shows none. Asks and complains by itself. Suspends.
  runtime::Task<ExitCode> accept_new_key(std::string host, std::string expected);
  /// Carries `plan` out; it, `log` and what `sink` holds outlive that. `failed`, `timed_out`, `unreachable` after a
  /// step failed: a new plan holds what is left. Suspends.
  runtime::Task<std::expected<void, Refusal>> carry_out(const site::Plan* plan, setup::RunLog* log,
                                                        setup::PlanRun::Sink sink, setup::CheckTimes times = {},
                                                        std::optional<setup::Hold> hold = {});
  /// Lets the hosts go and ends the connections. Suspends.
  runtime::Task<void> close();

  [[nodiscard]] const site::Site& site() const { return input_.site; }
  /// What the hosts said when the plan was made; without plan: nothing.
  [[nodiscard]] const site::PlanInput& input() const { return input_; }
  /// The UUID that render gave the site.
  [[nodiscard]] const std::string& site_id() const { return input_.manifest.site_id; }
  [[nodiscard]] const std::filesystem::path& state() const { return state_; }
  /// For asking. What it changes, nobody holds off.
  [[nodiscard]] setup::Remote* remote() const { return remote_.get(); }
  /// For changes. Pre: lock_hosts().
  [[nodiscard]] setup::Remote* changer() const;

 private:
  SetupSession(SetupOptions options, std::filesystem::path state, site::DirectoryLock lock)
      : options_(std::move(options)), state_(std::move(state)), lock_(std::move(lock)) {}

  std::expected<void, Refusal> render();

  SetupOptions options_;
  std::filesystem::path state_;
  site::DirectoryLock lock_;
  site::PlanInput input_;
  std::unique_ptr<setup::SshRemote> remote_;
  std::unique_ptr<setup::LockedRemote> locked_;  // after lock_hosts()
};

/// "  db1 ssh-ed25519 SHA256:…" per key; `invalid` when one is no key.
Result<std::string> fingerprints(const std::vector<setup::HostKey>& keys);

/// Why the site must not change otherwise now: its certificates or keys are being exchanged, as files of the state
/// directory say; nothing when it may. Blocks.
std::optional<Refusal> exchange_in_the_way(const SetupSession& session);

/// What keeps a plan from being carried out, as an exit code; `done` when nothing does.
ExitCode obstacle_of(const site::Plan& plan);

/// Shows a plan, asks unless `is_agreed`, carries it out, and says so in the end. Codes of run_apply(). Suspends.
runtime::Task<ExitCode> apply_after_asking(SetupSession* session, const site::Plan* plan, bool is_agreed,
                                           bool use_colour, setup::CheckTimes times = {});

/// For verbs that ask line by line: the site file is read, and the session opened; everything is complained about.
std::expected<std::unique_ptr<SetupSession>, ExitCode> open_session(const SetupOptions& options);
/// The same for keys: pins those that were never seen, after a person has compared their fingerprints (or at once with
/// --yes). Suspends.
runtime::Task<std::expected<void, ExitCode>> pin_after_asking(SetupSession* session, bool is_confirmed);
/// The same; then plans, for verbs that change nothing. Suspends.
runtime::Task<std::expected<site::Plan, ExitCode>> plan_after_asking(SetupSession* session, bool is_confirmed);
/// The same as pin_after_asking(); then takes the hosts' locks. Suspends.
runtime::Task<std::expected<void, ExitCode>> lock_after_asking(SetupSession* session, bool is_confirmed,
                                                               std::string verb);
/// The same; then plans what is to be carried out. Suspends.
runtime::Task<std::expected<site::Plan, ExitCode>> lock_and_plan_after_asking(SetupSession* session, bool is_confirmed,
                                                                              std::string verb);

/// The package files of ours in a directory, by their names NAME_VERSION_ARCHITECTURE.deb; of several versions the one
/// that was written last. `not_found` when there is no such directory. Blocks.
Result<std::vector<site::LocalPackage>> find_packages(const std::filesystem::path& directory);

/// Asks on the terminal; false for anything but "yes", and when there is nobody to answer.
bool is_confirmed(const std::string& question);

}  // namespace gemel::cli
