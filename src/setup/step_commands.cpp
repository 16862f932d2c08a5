#include "setup/step_commands.h"

#include <fmt/format.h>

#include <system_error>
#include <utility>

namespace gemel::setup {
namespace {

using site::Step;
using site::StepKind;
using Commands = std::vector<RemoteCommand>;

constexpr auto install_limit = std::chrono::minutes(15);
constexpr auto restart_limit = std::chrono::seconds(120);  // the agent's unit may take 60 s to stop
constexpr const char* package_cache = "/var/cache/gemel-setup";

// Gemel's agent runs the servers itself: the distribution's units must not start a copy, and no cluster may be made.
// A list of packages that cannot be renewed is no reason to stop: what is needed may be in the cache.
// A connection that is lost does not end an installation half-way: nothing is written to it before the end, and the
// next run waits for the one that goes on. One that was ended all the same (a power loss) is completed first.
constexpr const char* install_script = R"sh(set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
trap '' HUP PIPE
exec 9>/run/gemel-setup.lock
flock 9
said=$(mktemp /run/gemel-setup.XXXXXX)
exec 3>&1 >"$said" 2>&1
trap 'cat "$said" >&3 || true; rm -f "$said"' EXIT
for package in "$@"; do
  case $package in
    postgresql-15)
      mkdir -p /etc/postgresql-common
      [ -e /etc/postgresql-common/createcluster.conf ] ||
        printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.conf
      systemctl mask --quiet postgresql.service ;;
    etcd-server) systemctl mask --quiet etcd.service ;;
    haproxy) systemctl mask --quiet haproxy.service ;;
  esac
done
alone() { "$@" 3>&- 9>&-; }  # a program that a package starts must hold neither the connection nor the lock
alone dpkg --configure -a
alone apt-get -q -o DPkg::Lock::Timeout=120 update || echo "the list of packages could not be renewed"
alone apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 \
  install --no-install-recommends "$@"
)sh";

constexpr const char* hosts_script = R"sh(set -eu
begin="# BEGIN gemel $1" end="# END gemel $1"
if grep -qxF "$begin" /etc/hosts && ! grep -qxF "$end" /etc/hosts; then
  echo "/etc/hosts has \"$begin\" but not \"$end\": put it in order first" >&2
  exit 1
fi
new=$(mktemp /etc/hosts.XXXXXX)
trap 'rm -f "$new"' EXIT
{
  awk -v begin="$begin" -v end="$end" '$0 == begin {is_ours = 1} !is_ours {print} $0 == end {is_ours = 0}' /etc/hosts
  printf '%s\n' "$begin"
  cat
  printf '%s\n' "$end"
} >"$new"
chown root:root "$new"
chmod 0644 "$new"
sync "$new"
mv -f "$new" /etc/hosts
)sh";

RemoteCommand plain(std::vector<std::string> arguments) {
  RemoteCommand command;
  command.arguments = std::move(arguments);
  return command;
}

RemoteCommand systemctl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "systemctl");
  auto command = plain(std::move(arguments));
  command.limit = restart_limit;
  return command;
}

RemoteCommand put_text(const std::string& path, const std::string& text) {
  auto command = put_command(path, 0644, "root:root", text.size());
  command.input = text;
  return command;
}

Result<RemoteCommand> put_file(const std::filesystem::path& source, const std::string& target, unsigned mode,
                               const std::string& owner) {
  std::error_code error;
  const auto size = std::filesystem::file_size(source, error);
  if (error) return fail_errno(error.value(), "cannot send " + source.string());
  auto command = put_command(target, mode, owner, size);
  command.input_file = source;
  return command;
}

Result<Commands> install_packages(const Step& step) {
  Commands commands{plain({"install", "-d", "-m", "0755", "-o", "root", "-g", "root", package_cache})};
  auto arguments = step.packages;
  for (const auto& package : step.local_packages) {
    const auto target = fmt::format("{}/{}.deb", package_cache, package.name);
    auto put = put_file(package.file, target, 0644, "root:root");
    if (!put) return std::unexpected(put.error());
    put->limit = install_limit;
    commands.push_back(*std::move(put));
    arguments.push_back(target);
  }
  commands.push_back(script_command(install_script, std::move(arguments)));
  commands.back().limit = install_limit;
  return commands;
}

Commands set_firewall(const Step& step) {
  Commands commands;
  if (step.firewall == site::FirewallKind::firewalld) {
    // The rules of now and those of the next boot: a reload would take away what others set for now.
    const auto change = [&](const char* verb, const std::vector<std::string>& rules) {
      if (rules.empty()) return;
      std::vector<std::string> now{"firewall-cmd", "--quiet"};
      for (const auto& rule : rules) now.push_back(fmt::format("--{}={}", verb, rule));
      auto at_boot = now;
      at_boot.emplace_back("--permanent");
      commands.push_back(plain(std::move(at_boot)));
      commands.push_back(plain(std::move(now)));
    };
    change("add-rich-rule", step.firewalld.add);
    change("remove-rich-rule", step.firewalld.remove);
    return commands;
  }
  const std::string unit(site::firewall_unit);
  commands.push_back(plain({"install", "-d", "-m", "0755", "/etc/gemel"}));
  commands.push_back(put_text(std::string(site::firewall_file), step.text));
  commands.push_back(put_text(std::string(site::firewall_unit_file), site::firewall_unit_text()));
  commands.push_back(systemctl({"daemon-reload"}));
  commands.push_back(systemctl({"--quiet", "enable", unit}));
  commands.push_back(systemctl({"restart", unit}));
  return commands;
}

Result<Commands> lay_files(const Step& step) {
  Commands commands;
  for (const auto& file : step.files) {
    const auto owner = file.owner + ":" + file.group;
    if (file.is_directory) {
      commands.push_back(plain(
          {"install", "-d", "-m", fmt::format("{:04o}", file.mode), "-o", file.owner, "-g", file.group, file.path}));
      continue;
    }
    auto put = put_file(file.source, file.path, file.mode, owner);
    if (!put) return std::unexpected(put.error());
    commands.push_back(*std::move(put));
  }
  if (!step.text.empty()) commands.push_back(put_text("/etc/gemel/host.toml", step.text));
  return commands;
}

Commands start(std::string_view unit, bool is_waited_for) {
  // The agent says that it is ready before it serves; still, nobody may wait for one voter before all have started.
  const std::string name(unit);
  if (!is_waited_for) return {systemctl({"--quiet", "enable", name}), systemctl({"start", "--no-block", name})};
  return {systemctl({"--quiet", "enable", name}), systemctl({"start", name})};
}

/// Enabled too: it costs nothing, and a unit that somebody started by hand comes back after a boot.
Commands restart(std::string_view unit) {
  const std::string name(unit);
  return {systemctl({"--quiet", "enable", name}), systemctl({"restart", name})};
}

}  // namespace

bool is_check(StepKind kind) {
  return kind == StepKind::check_agent || kind == StepKind::check_database || kind == StepKind::check_manager ||
         kind == StepKind::check_lone_manager || kind == StepKind::check_balancer;
}

Result<Commands> commands_of(const Step& step, const std::string& site_name) {
  switch (step.kind) {
    case StepKind::install_packages:
      return install_packages(step);
    case StepKind::write_hosts: {
      Commands commands{script_command(hosts_script, {site_name})};
      commands.back().input = step.text;
      return commands;
    }
    case StepKind::set_firewall:
      return set_firewall(step);
    case StepKind::lay_files:
      return lay_files(step);
    case StepKind::start_agent:
      return start(site::agent_unit, false);
    case StepKind::start_manager:
      return start(site::manager_unit, true);
    case StepKind::restart_agent:
      return restart(site::agent_unit);
    case StepKind::restart_manager:
      return restart(site::manager_unit);
    case StepKind::check_lone_manager:
      return Commands{plain({"gemel", "ready"})};
    case StepKind::check_agent:
    case StepKind::check_database:
    case StepKind::check_manager:
    case StepKind::check_balancer:
      return Commands{plain({"gemel", "status", "-o", "json"})};
  }
  return Commands{};
}

}  // namespace gemel::setup
