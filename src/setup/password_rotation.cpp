#include "setup/password_rotation.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "runtime/files.h"
#include "site/host_files.h"
#include "site/scram_verifier.h"
#include "site/secrets.h"
#include "site/tree.h"

namespace gemel::setup {
namespace {

using runtime::Task;

constexpr const char* present_file = "application.password";
constexpr const char* next_file = "application.password.next";
constexpr int is_a_standby = 10;

// The statement comes through the input: whoever lists processes sees none of it.
constexpr const char* set_script = R"sh(set -eu
psql=$1 socket=$2 port=$3 role=$4
sql() { "$psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$socket" -p "$port" -U postgres -d postgres "$@"; }
[ "$(sql -c 'SELECT pg_is_in_recovery()' </dev/null)" = f ] || exit 10
sql -v role="$role"
)sh";

constexpr const char* check_script = R"sh(set -eu
psql=$1 where=$2
IFS= read -r next
IFS= read -r former
file=$(mktemp /run/gemel-rotate.XXXXXX)
trap 'rm -f "$file"' EXIT
log_in() {
  printf '*:*:*:*:%s\n' "$1" >"$file"
  PGPASSFILE=$file PGCONNECT_TIMEOUT=5 "$psql" -X -A -t -w -c 'SELECT 1' "$where" </dev/null 2>&1
}
said=$(log_in "$next") || { echo "the new password is not accepted: $said" >&2; exit 1; }
if said=$(log_in "$former"); then echo "the former password is still accepted" >&2; exit 1; fi
case $said in
  *"password authentication failed"*) ;;
  *) echo "whether the former password is refused could not be seen: $said" >&2; exit 1 ;;
esac
)sh";

std::string etc_path(const char* file) { return std::string("/etc/gemel/secrets/") + file; }

std::string psql_of(const site::Site& site) { return (site.database.program_directory / "psql").string(); }

std::string owner_of(const site::Site& site, const site::Host& host) {
  for (const auto& entry : site::files_of(site, host).secrets) {
    if (entry.secret == site::Secret::application) return fmt::format("{0}:{0}", entry.owner);
  }
  return {};  // this host has no such file
}

}  // namespace

PasswordRotation::PasswordRotation(Remote* remote, const site::Site* site, std::filesystem::path secrets, Sink sink)
    : remote_(remote), site_(site), secrets_(std::move(secrets)), sink_(std::move(sink)) {}

Status PasswordRotation::load() {
  const auto former = runtime::read_file(secrets_ / present_file);
  if (!former) return std::unexpected(former.error().with("the present password"));
  former_ = trim(*former);
  const auto begun = site::read_if_there(secrets_ / next_file);
  if (!begun) return std::unexpected(begun.error());
  if (*begun) {
    next_ = trim(**begun);
    if (!site::is_password(next_))
      return fail(ErrorCode::corrupt, (secrets_ / next_file).string() + " holds no password: remove it, then again");
    sink_("goes on with the rotation that was begun before");
    return {};
  }
  auto made = site::make_password();
  if (!made) return std::unexpected(made.error());
  next_ = *std::move(made);
  return runtime::write_file_durably(secrets_ / next_file, next_ + "\n", 0600);
}

Task<Status> PasswordRotation::ask(std::string host, RemoteCommand command, std::string what) {
  const auto result = co_await remote_->run(host, std::move(command));
  if (!result) co_return std::unexpected(result.error().with(host + ": " + what));
  if (result->exit_code != 0)
    co_return fail(ErrorCode::corrupt, fmt::format("{}: {}: {}", host, what, trim(result->output)));
  co_return Status{};
}

Task<Status> PasswordRotation::lay(std::string file, std::string password, bool is_for_managers_only) {
  for (const auto& host : site_->hosts) {
    const auto owner = owner_of(*site_, host);
    if (owner.empty() || (is_for_managers_only && !host.concepts.manager)) continue;
    auto command = put_command(etc_path(file.c_str()), 0600, owner, password.size() + 1);
    command.input = password + "\n";
    auto status = co_await ask(host.name, std::move(command), "laying " + file);
    if (!status) co_return status;
  }
  co_return Status{};
}

Task<Status> PasswordRotation::set_in_database() {
  const auto verifier = site::scram_verifier(next_);
  if (!verifier) co_return std::unexpected(verifier.error());
  std::string said = "every database host is a standby";
  for (const auto& host : site_->hosts) {
    if (!host.concepts.database) continue;
    auto command =
        script_command(set_script, {psql_of(*site_), "/run/gemel/postgres", std::to_string(site_->ports.postgres),
                                    site_->database.application_user});
    command.input = fmt::format("ALTER ROLE :\"role\" PASSWORD '{}';\n", *verifier);
    const auto result = co_await remote_->run(host.name, std::move(command));
    if (result && result->exit_code == 0) {
      primary_ = host.name;
      co_return Status{};
    }
    if (!result) said = result.error().with(host.name).to_string();
    if (result && result->exit_code != is_a_standby) said = fmt::format("{}: {}", host.name, trim(result->output));
  }
  co_return fail(ErrorCode::refused, "the database's password was not changed: " + said);
}

Task<Status> PasswordRotation::check() {
  const auto address = site::host_config(*site_, "", site_->hosts.front()).database_address();
  if (!address) co_return fail(ErrorCode::invalid, "the site has no virtual address for the database");
  // Behind a public address the primary has one of its own; its certificate is for the public one.
  auto reached = *address;
  for (const auto& host : site_->hosts)
    if (host.name == primary_ && !host.vip.empty()) reached = host.vip;
  // Names of the site file: letters, digits, a few signs; nothing that libpq would take for another setting.
  auto where = fmt::format("host={0} hostaddr={5} port={1} user={2} dbname={3} sslmode=verify-full sslrootcert={4}",
                           *address, site_->ports.postgres, site_->database.application_user,
                           site_->database.database_name, "/etc/gemel/pki/db-ca.crt", reached);
  auto command = script_command(check_script, {psql_of(*site_), std::move(where)});
  command.input = next_ + "\n" + former_ + "\n";
  auto status = co_await ask(primary_, std::move(command), "checking the passwords");
  co_return status;
}

Status PasswordRotation::keep() {
  if (auto status = runtime::write_file_durably(secrets_ / present_file, next_ + "\n", 0600); !status) return status;
  return runtime::remove_file_durably(secrets_ / next_file);
}

Task<Status> PasswordRotation::forget_next() {
  for (const auto& host : site_->hosts) {
    if (!host.concepts.manager) continue;
    RemoteCommand command;
    command.arguments = {"rm", "-f", etc_path(next_file)};
    auto status = co_await ask(host.name, std::move(command), "removing the spare password");
    if (!status) co_return status;
  }
  co_return Status{};
}

Task<Status> PasswordRotation::run() {
  if (auto status = load(); !status) co_return status;
  auto status = co_await lay(next_file, next_, true);
  if (!status) co_return status;
  sink_("the managers know the next password beside the present one");
  status = co_await set_in_database();
  if (!status) co_return status;
  sink_("the database has it, set on " + primary_);
  status = co_await lay(present_file, next_, false);
  if (!status) co_return status;
  sink_("every host has it");
  status = co_await check();
  if (!status) co_return status;
  sink_("it is accepted, the former one is refused");
  status = keep();
  if (!status) co_return status;
  status = co_await forget_next();
  co_return status;
}

}  // namespace gemel::setup
