#include "cli/setup_session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "cli/site_file.h"
#include "setup/host_facts_script.h"
#include "setup/host_keys.h"
#include "site/render.h"

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

}  // namespace

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

std::expected<std::unique_ptr<SetupSession>, ExitCode> SetupSession::open(const SetupOptions& options) {
  auto site = read_site_file(options.site_file, "nothing was changed");
  if (!site) return std::unexpected(site.error());
  const auto state = std::filesystem::absolute(
      options.state.empty() ? std::filesystem::path("/var/lib/gemel/setup") / site->name : options.state);
  if (auto status = make_state(state); !status) return std::unexpected(give_up(status.error()));
  auto lock = site::DirectoryLock::take(state);
  if (!lock) {
    if (lock.error().code != ErrorCode::conflict) return std::unexpected(give_up(lock.error()));
    complain(fmt::format("another run of the setup works in {}", state.string()));
    return std::unexpected(ExitCode::refused);
  }
  std::unique_ptr<SetupSession> session(new SetupSession(options, state, *std::move(lock)));
  auto& input = session->input_;
  input.site = *std::move(site);
  if (!options.packages.empty()) {
    auto packages = find_packages(options.packages);
    if (!packages) return std::unexpected(give_up(packages.error()));
    input.packages = *std::move(packages);
  }
  const auto rendered = site::render(input.site, state / "rendered");
  if (!rendered) return std::unexpected(give_up(rendered.error()));
  auto manifest = site::read_manifest(input.site, state / "rendered");
  if (!manifest) return std::unexpected(give_up(manifest.error()));
  input.manifest = *std::move(manifest);
  setup::SshSettings settings;
  settings.addresses = addresses_of(input.site);
  settings.known_hosts = state / "known_hosts";
  settings.port = options.port;
  if (!options.key.empty()) settings.key = std::filesystem::absolute(options.key);
  auto remote = setup::SshRemote::create(std::move(settings));
  if (!remote) return std::unexpected(give_up(remote.error()));
  session->remote_ = *std::move(remote);
  return session;
}

runtime::Task<std::expected<void, ExitCode>> SetupSession::pin_new_hosts() {
  const auto file = state_ / "known_hosts";
  const auto pinned = setup::pinned_hosts(file);
  if (!pinned) co_return std::unexpected(give_up(pinned.error()));
  auto unknown = addresses_of(input_.site);
  std::erase_if(unknown, [&](const auto& entry) { return pinned->contains(entry.first); });
  if (unknown.empty()) co_return std::expected<void, ExitCode>{};
  const auto keys = co_await setup::scan_host_keys(unknown, options_.port);
  if (!keys) co_return std::unexpected(give_up(keys.error()));
  if (keys->empty()) co_return std::expected<void, ExitCode>{};
  std::fputs("Hosts that are met for the first time show these keys:\n", stderr);
  for (const auto& key : *keys) {
    const auto text = setup::fingerprint(key);
    if (!text) co_return std::unexpected(give_up(text.error()));
    std::fputs(fmt::format("  {} {} {}\n", key.host, key.type, *text).c_str(), stderr);
  }
  if (!options_.is_confirmed && !is_confirmed("Are these the keys of your hosts?")) {
    complain("the keys were not accepted; nothing was changed");
    co_return std::unexpected(ExitCode::refused);
  }
  if (auto status = setup::pin(file, *keys); !status) co_return std::unexpected(give_up(status.error()));
  co_return std::expected<void, ExitCode>{};
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

runtime::Task<std::expected<site::Plan, ExitCode>> SetupSession::make_plan() {
  const auto pinned = co_await pin_new_hosts();
  if (!pinned) co_return std::unexpected(pinned.error());
  input_.facts = co_await setup::gather_facts(remote_.get(), input_.site, input_.manifest);
  co_return site::make_plan(input_);
}

runtime::Task<void> SetupSession::close() { co_await remote_->close(); }

}  // namespace gemel::cli
