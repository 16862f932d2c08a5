#include "cli/setup_session.h"

#include <fmt/format.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "cli/applied_site.h"
#include "cli/asking.h"
#include "cli/plan_text.h"
#include "cli/site_file.h"
#include "setup/host_facts_script.h"
#include "site/render.h"
#include "site/secrets.h"

namespace gemel::cli {
namespace {

Status make_state(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory.parent_path(), error);
  if (error) return fail_errno(error.value(), "cannot create " + directory.string());
  return site::make_directory(directory, 0700);
}

std::map<std::string, std::string> addresses_of(const site::Site& site) {
  std::map<std::string, std::string> addresses;
  for (const auto& host : site.hosts) addresses[host.name] = host.address;
  return addresses;
}

Refusal refusal(const Error& error) { return {exit_code_of(error), error.to_string()}; }

}  // namespace

ExitCode give_up(const Refusal& refusal) {
  complain(refusal.text);
  return refusal.code;
}

std::filesystem::path state_directory(const SetupOptions& options, const std::string& site_name) {
  return std::filesystem::absolute(options.state.empty() ? std::filesystem::path("/var/lib/gemel/setup") / site_name
                                                         : options.state);
}

bool is_confirmed(const std::string& question) {
  print(question + " (yes/no) ");
  std::string answer;
  return static_cast<bool>(std::getline(std::cin, answer)) && trim(answer) == "yes";
}

Result<std::vector<site::LocalPackage>> find_packages(const std::filesystem::path& directory) {
  std::map<std::string, std::pair<std::filesystem::file_time_type, site::LocalPackage>> newest;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const auto words = split(entry.path().stem().string(), '_');
    if (entry.path().extension() != ".deb" || words.size() != 3) continue;
    if (words[0] != "gemel" && words[0] != "gemel-agent" && words[0] != "gemel-manager") continue;
    const auto written = entry.last_write_time(error);
    if (const auto found = newest.find(words[0]); found != newest.end() && found->second.first >= written) continue;
    newest[words[0]] = {written, {words[0], words[1], std::filesystem::absolute(entry.path())}};
  }
  if (error) return fail_errno(error.value(), directory.string());
  std::vector<site::LocalPackage> packages;
  for (auto& [name, package] : newest) packages.push_back(std::move(package.second));
  return packages;
}

std::expected<std::unique_ptr<SetupSession>, Refusal> SetupSession::open(site::Site site, const SetupOptions& options) {
  const auto state = state_directory(options, site.name);
  if (auto status = make_state(state); !status) return std::unexpected(refusal(status.error()));
  auto lock = site::DirectoryLock::take(state);
  if (!lock) {
    if (lock.error().code != ErrorCode::conflict) return std::unexpected(refusal(lock.error()));
    return std::unexpected(
        Refusal{ExitCode::refused, fmt::format("another run of the setup works in {}", state.string())});
  }
  std::unique_ptr<SetupSession> session(new SetupSession(options, state, *std::move(lock)));
  auto& input = session->input_;
  input.site = std::move(site);
  if (!options.packages.empty()) {
    auto packages = find_packages(options.packages);
    if (!packages) return std::unexpected(refusal(packages.error()));
    input.packages = *std::move(packages);
  }
  if (auto rendered = session->render(); !rendered) return std::unexpected(std::move(rendered.error()));
  setup::SshSettings settings;
  settings.addresses = addresses_of(input.site);
  settings.known_hosts = state / "known_hosts";
  settings.port = options.port;
  if (!options.key.empty()) settings.key = std::filesystem::absolute(options.key);
  auto remote = setup::SshRemote::create(std::move(settings));
  if (!remote) return std::unexpected(refusal(remote.error()));
  session->remote_ = *std::move(remote);
  return session;
}

std::expected<void, Refusal> SetupSession::render() {
  const auto directory = state_ / "rendered";
  const auto rendered = site::render(input_.site, directory, options_.application_password);
  if (!rendered) return std::unexpected(refusal(rendered.error()));
  input_.findings = rendered->findings;
  auto manifest = site::read_manifest(input_.site, directory);
  if (!manifest) return std::unexpected(refusal(manifest.error()));
  input_.manifest = *std::move(manifest);
  return {};
}

std::expected<void, Refusal> SetupSession::change_site(site::Site site, std::string leaving) {
  input_.site = std::move(site);
  input_.leaving = std::move(leaving);
  return render();
}

std::expected<void, Refusal> SetupSession::forget_key(const std::string& host) {
  if (auto status = setup::unpin(state_ / "known_hosts", host); !status)
    return std::unexpected(refusal(status.error()));
  return {};
}

std::expected<site::ExchangeStage, Refusal> SetupSession::exchange_stage() const {
  const auto stage = site::Authorities(state_ / "rendered").stage();
  if (!stage) return std::unexpected(refusal(stage.error()));
  return *stage;
}

std::expected<site::ExchangeStage, Refusal> SetupSession::advance_exchange(const site::Exchanged& what) {
  const auto stage = site::advance_exchange(input_.site, state_ / "rendered", what);
  if (!stage) return std::unexpected(refusal(stage.error()));
  if (auto rendered = render(); !rendered) return std::unexpected(std::move(rendered.error()));
  return *stage;
}

runtime::Task<std::expected<std::vector<setup::HostKey>, Refusal>> SetupSession::new_host_keys() {
  const auto pinned = setup::pinned_hosts(state_ / "known_hosts");
  if (!pinned) co_return std::unexpected(refusal(pinned.error()));
  auto unknown = addresses_of(input_.site);
  std::erase_if(unknown, [&](const auto& entry) { return pinned->contains(entry.first); });
  auto keys = co_await setup::scan_host_keys(unknown, options_.port);
  if (!keys) co_return std::unexpected(refusal(keys.error()));
  co_return *std::move(keys);
}

std::expected<void, Refusal> SetupSession::believe(const std::vector<setup::HostKey>& keys) {
  if (auto status = setup::pin(state_ / "known_hosts", keys); !status) return std::unexpected(refusal(status.error()));
  return {};
}

runtime::Task<ExitCode> SetupSession::accept_new_key(std::string host, std::string expected) {
  const auto file = state_ / "known_hosts";
  const auto pinned = setup::pinned_keys(file);
  if (!pinned) co_return give_up(pinned.error());
  auto addresses = addresses_of(input_.site);
  std::erase_if(addresses, [&](const auto& entry) { return entry.first != host; });
  const auto keys = co_await setup::scan_host_keys(addresses, options_.port);
  if (!keys) co_return give_up(keys.error());
  if (keys->empty()) {
    complain(fmt::format("{} does not answer at {}: install it and let its sshd in first; nothing was changed", host,
                         addresses.at(host)));
    co_return ExitCode::unreachable;
  }
  if (std::ranges::all_of(*keys, [&](const setup::HostKey& key) { return std::ranges::count(*pinned, key) != 0; }))
    co_return ExitCode::done;
  bool is_expected = !expected.empty();
  std::string shown;
  for (const auto& key : *pinned) {
    if (key.host != host) continue;
    shown += fmt::format("  until now {} {}\n", key.type, setup::fingerprint(key).value_or("?"));
  }
  for (const auto& key : *keys) {
    const auto print_of = setup::fingerprint(key);
    if (!print_of) co_return give_up(print_of.error());
    shown += fmt::format("  now       {} {}\n", key.type, *print_of);
    is_expected = is_expected && *print_of == expected;
  }
  std::fputs(fmt::format("{} shows another key than before:\n{}", host, shown).c_str(), stderr);
  const bool is_agreed =
      expected.empty() ? is_confirmed("Is this the key of the host that was installed anew?") : is_expected;
  if (!is_agreed) {
    complain(expected.empty() ? "the key was not accepted; the earlier one stays, and nothing was changed"
                              : "that is not the key of --host-key; the earlier one stays, and nothing was changed");
    co_return ExitCode::refused;
  }
  const auto status = setup::pin_anew(file, *keys);
  co_return status ? ExitCode::done : give_up(status.error());
}

runtime::Task<std::expected<void, Refusal>> SetupSession::lock_hosts(std::string verb) {
  const auto token = site::make_uuid();
  if (!token) co_return std::unexpected(refusal(token.error()));
  setup::LockSettings settings;
  settings.token = *token;
  char name[HOST_NAME_MAX + 1] = "";
  ::gethostname(name, sizeof name - 1);
  settings.about =
      fmt::format("{} of {} at {} (process {}, {})", verb, asking_user(), name, ::getpid(), state_.string());
  locked_ = std::make_unique<setup::LockedRemote>(remote_.get(), std::move(settings));
  std::vector<std::string> hosts;
  for (const auto& host : input_.site.hosts) hosts.push_back(host.name);
  const auto taken = co_await locked_->take(std::move(hosts));
  if (taken) co_return std::expected<void, Refusal>{};
  auto refused = refusal(taken.error());
  if (taken.error().code == ErrorCode::conflict) refused.text = taken.error().message;
  refused.text += "; nothing was changed";
  co_return std::unexpected(std::move(refused));
}

setup::Remote* SetupSession::changer() const {
  GEMEL_CHECK(locked_ != nullptr);
  return locked_.get();
}

runtime::Task<site::Plan> SetupSession::make_plan() {
  input_.facts = co_await setup::gather_facts(remote_.get(), input_.site, input_.manifest);
  co_return site::make_plan(input_);
}

runtime::Task<std::expected<void, Refusal>> SetupSession::carry_out(const site::Plan* plan, setup::RunLog* log,
                                                                    setup::PlanRun::Sink sink, setup::CheckTimes times,
                                                                    std::optional<setup::Hold> hold) {
  setup::PlanRun run(changer(), plan, input_.site.name, log, std::move(sink), times);
  if (hold) run.hold_at(*hold);
  const auto outcome = co_await run.run();
  if (outcome) {
    // The hosts are as they shall be, whether it can be noted or not: the wizard then asks them.
    if (auto status = note_applied(state_, input_.site, input_.manifest.site_id); !status)
      log->write(status.error().to_string());
    co_return std::expected<void, Refusal>{};
  }
  auto refused = refusal(outcome.error());
  // "Refused" promises that nothing was changed.
  if (refused.code == ExitCode::refused) refused.code = ExitCode::failed;
  co_return std::unexpected(std::move(refused));
}

runtime::Task<void> SetupSession::close() {
  if (locked_) co_await locked_->release();
  co_await remote_->close();
}

std::optional<Refusal> exchange_in_the_way(const SetupSession& session) {
  const auto stage = session.exchange_stage();
  if (!stage || *stage == site::ExchangeStage::none) return std::nullopt;
  return Refusal{ExitCode::refused,
                 "an exchange of certificates or keys is under way: end it first with \"gemel rotate\"; nothing was "
                 "changed"};
}

Result<std::string> fingerprints(const std::vector<setup::HostKey>& keys) {
  std::string lines;
  for (const auto& key : keys) {
    const auto text = setup::fingerprint(key);
    if (!text) return text;
    lines += fmt::format("  {} {} {}\n", key.host, key.type, *text);
  }
  return lines;
}

ExitCode obstacle_of(const site::Plan& plan) {
  const bool is_unreachable = std::ranges::any_of(plan.problems, [](const site::Problem& problem) {
    return problem.is_blocking && problem.code == site::ProblemCode::unreachable;
  });
  if (is_unreachable) return ExitCode::unreachable;
  return is_blocked(plan) ? ExitCode::refused : ExitCode::done;
}

std::expected<std::unique_ptr<SetupSession>, ExitCode> open_session(const SetupOptions& options) {
  auto site = read_site_file(options.site_file, "nothing was changed");
  if (!site) return std::unexpected(site.error());
  auto session = SetupSession::open(*std::move(site), options);
  if (!session) return std::unexpected(give_up(session.error()));
  return *std::move(session);
}

runtime::Task<std::expected<void, ExitCode>> pin_after_asking(SetupSession* session, bool is_confirmed) {
  const auto keys = co_await session->new_host_keys();
  if (!keys) co_return std::unexpected(give_up(keys.error()));
  if (keys->empty()) co_return std::expected<void, ExitCode>{};
  const auto lines = fingerprints(*keys);
  if (!lines) co_return std::unexpected(give_up(lines.error()));
  std::fputs(("Hosts that are met for the first time show these keys:\n" + *lines).c_str(), stderr);
  if (!is_confirmed && !cli::is_confirmed("Are these the keys of your hosts?")) {
    complain("the keys were not accepted; nothing was changed");
    co_return std::unexpected(ExitCode::refused);
  }
  const auto believed = session->believe(*keys);
  if (!believed) co_return std::unexpected(give_up(believed.error()));
  co_return std::expected<void, ExitCode>{};
}

runtime::Task<std::expected<site::Plan, ExitCode>> plan_after_asking(SetupSession* session, bool is_confirmed) {
  const auto pinned = co_await pin_after_asking(session, is_confirmed);
  if (!pinned) co_return std::unexpected(pinned.error());
  auto plan = co_await session->make_plan();
  co_return plan;
}

runtime::Task<std::expected<void, ExitCode>> lock_after_asking(SetupSession* session, bool is_confirmed,
                                                               std::string verb) {
  const auto pinned = co_await pin_after_asking(session, is_confirmed);
  if (!pinned) co_return std::unexpected(pinned.error());
  const auto locked = co_await session->lock_hosts(std::move(verb));
  if (!locked) co_return std::unexpected(give_up(locked.error()));
  co_return std::expected<void, ExitCode>{};
}

runtime::Task<std::expected<site::Plan, ExitCode>> lock_and_plan_after_asking(SetupSession* session, bool is_confirmed,
                                                                              std::string verb) {
  const auto locked = co_await lock_after_asking(session, is_confirmed, std::move(verb));
  if (!locked) co_return std::unexpected(locked.error());
  auto plan = co_await session->make_plan();
  co_return plan;
}

}  // namespace gemel::cli
