// Files of the PostgreSQL server. Configuration is replaced by rename without fsync, because every start writes it
// anew; markers, epoch.served and standby.signal are durable, because decisions after a power loss rest on them.
#include "adapters/postgres/data_directory.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <set>

#include "adapters/postgres/configuration_files.h"
#include "adapters/postgres/control_file.h"
#include "base/text.h"
#include "runtime/files.h"

namespace gemel::adapters::postgres {
namespace fs = std::filesystem;
namespace {

constexpr const char* rewind_marker = "rewind.marker";
constexpr const char* bootstrap_marker = "bootstrap.marker";
constexpr const char* served_file = "epoch.served";
constexpr const char* unread_file = "unread";

/// A descriptor that closes itself.
struct Descriptor {
  int number;
  explicit Descriptor(int n) : number(n) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

Status sync_path(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number < 0 || ::fsync(file.number) != 0) return fail_errno(errno, "fsync " + path.string());
  return {};
}

Status write_all(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(errno, "write");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

bool is_there(const fs::path& path) {
  std::error_code ignored;  // unreadable counts as there is nothing; the next step fails with the reason
  return fs::exists(path, ignored);
}

/// Empty text when the file does not exist.
Result<std::string> read_if_there(const fs::path& path) {
  auto text = runtime::read_file(path);
  if (!text && text.error().code == ErrorCode::not_found) return std::string();
  return text;
}

Result<Epoch> parse_served(std::string_view text) {
  const auto digits = trim(text);
  if (digits.empty()) return Epoch{};
  Epoch epoch;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), epoch.value);
  if (error != std::errc() || end != digits.data() + digits.size())
    return fail(ErrorCode::corrupt, "epoch.served is not a number");
  return epoch;
}

Result<Epoch> read_served(const fs::path& path) {
  auto text = read_if_there(path);
  if (!text) return std::unexpected(text.error());
  return parse_served(*text);
}

pid_t first_line_number(std::string_view text) {
  pid_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number > 0 ? number : 0;
}

}  // namespace

Result<DataDirectory> DataDirectory::open(PostgresConfig config) {
  errno = 0;
  const passwd* user = ::getpwnam(config.os_user.c_str());
  if (user == nullptr) return fail(ErrorCode::not_found, "no such user: " + config.os_user);
  const Owner owner{user->pw_uid, user->pw_gid};
  return DataDirectory(std::move(config), owner);
}

Result<DiskFacts> DataDirectory::read() const {
  DiskFacts facts;
  facts.has_data = is_there(config_.data_dir / "PG_VERSION");
  facts.has_rewind_marker = is_there(config_.state_dir / rewind_marker);
  auto bootstrap = read_if_there(config_.state_dir / bootstrap_marker);
  if (!bootstrap) return std::unexpected(bootstrap.error());
  if (is_there(config_.state_dir / bootstrap_marker))
    facts.bootstrap = trim(*bootstrap) == "complete" ? BootstrapPhase::complete : BootstrapPhase::unfinished;
  auto served = read_served(config_.state_dir / served_file);
  if (!served) return std::unexpected(served.error());
  facts.served = *served;
  if (facts.has_rewind_marker || !facts.has_data) return facts;  // the configuration may be another node's
  auto pid = read_if_there(config_.data_dir / "postmaster.pid");
  if (pid) facts.postmaster = first_line_number(*pid);
  auto names = runtime::read_file(config_.data_dir / "gemel.names.conf");
  if (names) {
    auto parsed = parse_names_conf(*names);
    if (!parsed) return std::unexpected(parsed.error());
    facts.names = *parsed;
  }
  auto upstream = runtime::read_file(config_.data_dir / "gemel.upstream.conf");
  if (upstream) facts.upstream = parse_upstream_conf(*upstream).value_or(NodeId{});
  return facts;
}

Status DataDirectory::make_directory(const fs::path& path, mode_t mode) const {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return fail_errno(errno, "create " + path.string());
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory.number < 0) return fail_errno(errno, "open " + path.string());
  if (::fchown(directory.number, owner_.user, owner_.group) != 0 || ::fchmod(directory.number, mode) != 0)
    return fail_errno(errno, "owner of " + path.string());
  return {};
}

/// The owner is set on the descriptor of a fresh file, so that a link placed by the server's user leads nowhere.
Status DataDirectory::install(const fs::path& path, std::string_view content) const {
  const fs::path fresh = path.string() + ".new";
  ::unlink(fresh.c_str());
  const Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.number < 0) return fail_errno(errno, "create " + fresh.string());
  if (auto written = write_all(file.number, content); !written) return written;
  if (::fchown(file.number, owner_.user, owner_.group) != 0) return fail_errno(errno, "owner of " + fresh.string());
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail_errno(errno, "replace " + path.string());
  return {};
}

Status DataDirectory::copy_tls(const fs::path& source, const char* name) const {
  auto content = runtime::read_file(source);
  if (!content) return std::unexpected(content.error());
  return install(config_.tls_dir / name, *content);
}

Status DataDirectory::prepare_surroundings() const {
  const PostgresTls& tls = config_.tls;
  return in_order([&] { return make_directory(config_.tls_dir, 0700); },
                  [&] { return make_directory(config_.socket_dir, 0755); }, [&] { return copy_tls(tls.ca, "ca.crt"); },
                  [&] { return copy_tls(tls.server_certificate, "server.crt"); },
                  [&] { return copy_tls(tls.server_key, "server.key"); },
                  [&] { return copy_tls(tls.replication_certificate, "replication.crt"); },
                  [&] { return copy_tls(tls.replication_key, "replication.key"); },
                  [&] { return copy_tls(tls.rewind_certificate, "rewind.crt"); },
                  [&] { return copy_tls(tls.rewind_key, "rewind.key"); },
                  [&] { return install(config_.tls_dir / "passfile", render_passfile(config_)); });
}

bool DataDirectory::has_settings() const {
  const auto holds = [&](const char* name, const std::string& text) {
    const auto present = runtime::read_file(config_.data_dir / name);
    return present && *present == text;
  };
  return holds("gemel.conf", render_gemel_conf(config_)) && holds("pg_hba.conf", render_hba(config_)) &&
         holds("pg_ident.conf", render_ident(config_)) && holds("postgresql.conf", render_postgresql_conf());
}

Result<bool> DataDirectory::renew() const {
  const auto unread = config_.tls_dir / unread_file;
  const PostgresTls& tls = config_.tls;
  const std::array<std::pair<fs::path, const char*>, 7> files{{{tls.ca, "ca.crt"},
                                                               {tls.server_certificate, "server.crt"},
                                                               {tls.server_key, "server.key"},
                                                               {tls.replication_certificate, "replication.crt"},
                                                               {tls.replication_key, "replication.key"},
                                                               {tls.rewind_certificate, "rewind.crt"},
                                                               {tls.rewind_key, "rewind.key"}}};
  const bool is_same = std::ranges::all_of(files, [&](const auto& file) {
    const auto wanted = runtime::read_file(file.first);
    const auto present = runtime::read_file(config_.tls_dir / file.second);
    return wanted && present && *wanted == *present;
  });
  const auto passwords = runtime::read_file(config_.tls_dir / "passfile");
  if (is_same && passwords && *passwords == render_passfile(config_) && has_settings()) return is_there(unread);
  // Before the copies: whoever comes after an interruption knows that the server may not have read them.
  const auto done = in_order([&] { return install(unread, ""); }, [&] { return prepare_surroundings(); },
                             [&] { return write_settings(); });
  if (!done) return std::unexpected(done.error());
  return true;
}

Status DataDirectory::note_read() const {
  std::error_code error;
  fs::remove(config_.tls_dir / unread_file, error);
  if (error) return fail(ErrorCode::unavailable, "remove the note of unread certificates: " + error.message());
  return {};
}

Status DataDirectory::wipe() const {
  std::error_code error;
  if (is_there(config_.data_dir)) {
    for (const auto& entry : fs::directory_iterator(config_.data_dir, error)) {
      fs::remove_all(entry.path(), error);
      if (error) return fail(ErrorCode::unavailable, "remove " + entry.path().string() + ": " + error.message());
    }
    if (error) return fail(ErrorCode::unavailable, "list " + config_.data_dir.string() + ": " + error.message());
  }
  return in_order([&] { return make_directory(config_.data_dir, 0700); }, [&] { return forget_served(); });
}

Status DataDirectory::write_configuration(const NodeId& upstream, const NodeSet& names) const {
  return in_order([&] { return write_names(names); }, [&] { return write_upstream(upstream); },
                  [&] { return write_settings(); });
}

Status DataDirectory::write_settings() const {
  return in_order([&] { return install(config_.data_dir / "gemel.conf", render_gemel_conf(config_)); },
                  [&] { return install(config_.data_dir / "pg_hba.conf", render_hba(config_)); },
                  [&] { return install(config_.data_dir / "pg_ident.conf", render_ident(config_)); },
                  [&] { return install(config_.data_dir / "postgresql.conf", render_postgresql_conf()); });
}

Status DataDirectory::write_names(const NodeSet& names) const {
  return install(config_.data_dir / "gemel.names.conf", render_names_conf(names));
}

Status DataDirectory::write_upstream(const NodeId& upstream) const {
  return install(config_.data_dir / "gemel.upstream.conf", render_upstream_conf(config_, upstream));
}

Status DataDirectory::lay_standby_signal() const {
  if (is_there(config_.data_dir / "standby.signal")) return {};
  return in_order([&] { return install(config_.data_dir / "standby.signal", ""); },
                  [&] { return sync_path(config_.data_dir); });
}

Status DataDirectory::remove_standby_signal() const {
  return runtime::remove_file_durably(config_.data_dir / "standby.signal");
}

Status DataDirectory::refuse_stranger() const {
  auto text = read_if_there(config_.data_dir / "postmaster.pid");
  if (!text) return std::unexpected(text.error());
  const pid_t process = first_line_number(*text);
  if (process == 0) return {};
  // A postmaster works in its data directory; a stale number belongs to nobody, or to somebody who works elsewhere.
  std::error_code error;
  const auto place = fs::read_symlink("/proc/" + std::to_string(process) + "/cwd", error);
  if (error || place != fs::weakly_canonical(config_.data_dir, error)) return {};
  return fail(ErrorCode::conflict, "a PostgreSQL server that Gemel did not start (process " + std::to_string(process) +
                                       ") runs on " + config_.data_dir.string() + ": stop it");
}

Status DataDirectory::remove_stale_locks() const {
  const std::string socket = ".s.PGSQL." + std::to_string(config_.port);
  for (const auto& path :
       {config_.data_dir / "postmaster.pid", config_.socket_dir / socket, config_.socket_dir / (socket + ".lock")}) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(errno, "remove " + path.string());
  }
  return {};
}

Status DataDirectory::set_rewind_marker(std::string_view why) const {
  return runtime::write_file_durably(config_.state_dir / rewind_marker, std::string(why) + "\n", 0600);
}
Status DataDirectory::clear_rewind_marker() const {
  return runtime::remove_file_durably(config_.state_dir / rewind_marker);
}

Status DataDirectory::set_bootstrap(BootstrapPhase phase) const {
  const fs::path path = config_.state_dir / bootstrap_marker;
  if (phase == BootstrapPhase::none) return runtime::remove_file_durably(path);
  return runtime::write_file_durably(path, phase == BootstrapPhase::complete ? "complete\n" : "unfinished\n", 0600);
}

Status DataDirectory::raise_served(Epoch epoch) const {
  auto before = read_served(config_.state_dir / served_file);
  if (!before) return std::unexpected(before.error());
  if (*before >= epoch) return {};
  return runtime::write_file_durably(config_.state_dir / served_file, std::to_string(epoch.value) + "\n", 0600);
}
Status DataDirectory::forget_served() const { return runtime::remove_file_durably(config_.state_dir / served_file); }

Result<ControlData> DataDirectory::read_control() const {
  // A read beside the server's write may see half of it; the next one does not.
  constexpr int attempts = 3;
  Result<ControlData> control;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    const auto bytes = runtime::read_file(config_.data_dir / "global/pg_control");
    if (!bytes) return std::unexpected(bytes.error());
    control = parse_control_file(*bytes);
    if (control || control.error().code != ErrorCode::corrupt) break;
  }
  return control;
}

Status DataDirectory::reserve_timelines(std::uint32_t present, std::uint32_t wanted) const {
  if (wanted <= present) return {};
  const fs::path folder = config_.data_dir / "pg_wal";
  if (is_there(folder / history_file_name(wanted)))
    return fail(ErrorCode::conflict, "timeline " + std::to_string(wanted) + " is known here already");
  for (std::uint32_t number = present + 1; number < wanted; ++number) {
    const fs::path path = folder / history_file_name(number);
    if (is_there(path)) continue;
    // Not synced: PostgreSQL syncs the folder when it adds the history of its own.
    if (auto made = install(path, "# Gemel: no timeline has this number\n"); !made) return made;
  }
  return {};
}

Status DataDirectory::release_timelines() const {
  const fs::path folder = config_.data_dir / "pg_wal";
  std::error_code error;
  std::set<fs::path, std::greater<>> histories;  // equally long names: the highest number comes first
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".history") histories.insert(entry.path());
  }
  if (error) return fail(ErrorCode::unavailable, "list " + folder.string() + ": " + error.message());
  for (const auto& path : histories) {
    const auto text = runtime::read_file(path);
    if (!text) return std::unexpected(text.error());
    if (!is_empty_history(*text)) return {};
    if (::unlink(path.c_str()) != 0) return fail_errno(errno, "remove " + path.string());
  }
  return {};
}

Result<Lsn> DataDirectory::switch_lsn(std::uint32_t timeline) const {
  if (timeline <= 1) return Lsn{};  // the first timeline has no history
  auto text = runtime::read_file(config_.data_dir / "pg_wal" / history_file_name(timeline));
  if (!text) return std::unexpected(text.error());
  return parse_switch_lsn(*text);
}

}  // namespace gemel::adapters::postgres
