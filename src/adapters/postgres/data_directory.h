// Everything of a PostgreSQL server that is files: its directory, the configuration in it, the TLS files beside it and
// the durable markers of the agent. Blocking functions; callers run them on the pool. Starts no process.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "adapters/postgres/control_data.h"
#include "adapters/postgres/postgres_config.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/lsn.h"

namespace gemel::adapters::postgres {

enum class BootstrapPhase { none, unfinished, complete };

/// Runs the steps until one fails; the first failure, or success.
template <typename... Steps>
Status in_order(Steps... steps) {
  Status status;
  ((status ? void(status = steps()) : void()), ...);
  return status;
}

/// What the disk says at one moment.
struct DiskFacts {
  bool has_data = false;           // a finished or unfinished data directory (PG_VERSION is there)
  bool has_rewind_marker = false;  // an unfinished rewind or clone: never start
  BootstrapPhase bootstrap = BootstrapPhase::none;
  Epoch served;
  NodeSet names;
  NodeId upstream;
  pid_t postmaster = 0;  // from postmaster.pid; 0: no such file
};

/// Value; copies share nothing but the paths. Any thread, one caller at a time per directory.
class DataDirectory {
 public:
  /// `not_found` when the configured user does not exist.
  static Result<DataDirectory> open(PostgresConfig config);

  /// `corrupt` or `unavailable` when a file that is there cannot be understood: the facts are unknown then.
  [[nodiscard]] Result<DiskFacts> read() const;

  /// Directories, TLS copies (0600, server's user) and the password file. Idempotent.
  [[nodiscard]] Status prepare_surroundings() const;
  /// For a server that runs already: copies of keys and certificates that differ from the originals, and settings that
  /// are not this configuration's. True: it must read its files again, and note_read() comes after that; also when an
  /// earlier agent did not come to it.
  [[nodiscard]] Result<bool> renew() const;
  [[nodiscard]] Status note_read() const;
  /// An empty data directory (0700, server's user) and nothing that was in it; epoch.served goes with it.
  [[nodiscard]] Status wipe() const;
  [[nodiscard]] Status write_configuration(const NodeId& upstream, const NodeSet& names) const;
  /// All of it but the names and the upstream: what follows from the configuration alone.
  [[nodiscard]] Status write_settings() const;
  [[nodiscard]] Status write_names(const NodeSet& names) const;
  [[nodiscard]] Status write_upstream(const NodeId& upstream) const;
  /// Durable: whoever starts this directory, it comes up as a standby.
  [[nodiscard]] Status lay_standby_signal() const;
  [[nodiscard]] Status remove_standby_signal() const;
  /// Lock files of a postmaster that is certainly gone: after a reboot its process id may belong to somebody else.
  [[nodiscard]] Status remove_stale_locks() const;
  /// `conflict` while a server that somebody else started lives on this directory: its lock file names a process that
  /// works there. Call it when the own processes are gone. Never changes anything.
  [[nodiscard]] Status refuse_stranger() const;

  [[nodiscard]] Status set_rewind_marker(std::string_view why) const;
  [[nodiscard]] Status clear_rewind_marker() const;
  [[nodiscard]] Status set_bootstrap(BootstrapPhase phase) const;
  /// Durable; never lowers what is there.
  [[nodiscard]] Status raise_served(Epoch epoch) const;
  [[nodiscard]] Status forget_served() const;

  /// What the control file says at this moment. `unsupported`: of a version that only pg_controldata can read;
  /// `corrupt`; or why it cannot be read.
  [[nodiscard]] Result<ControlData> read_control() const;

  /// So that a promotion from timeline `present` makes `wanted`: PostgreSQL takes the number after the last one for
  /// which it finds a history file, so every number in between gets one that says nothing. They stay for the standbys,
  /// which ask for each. `conflict` when there is one of `wanted` already. Nothing is done unless wanted > present.
  [[nodiscard]] Status reserve_timelines(std::uint32_t present, std::uint32_t wanted) const;
  /// Takes back what was reserved for a promotion that never was: a server that starts would look for the last of them.
  /// Call it before every start.
  [[nodiscard]] Status release_timelines() const;

  /// Where `timeline` began, from its history file in pg_wal.
  [[nodiscard]] Result<Lsn> switch_lsn(std::uint32_t timeline) const;

 private:
  struct Owner {
    uid_t user = 0;
    gid_t group = 0;
  };
  DataDirectory(PostgresConfig config, Owner owner) : config_(std::move(config)), owner_(owner) {}
  [[nodiscard]] Status install(const std::filesystem::path& path, std::string_view content) const;
  [[nodiscard]] Status make_directory(const std::filesystem::path& path, mode_t mode) const;
  [[nodiscard]] Status copy_tls(const std::filesystem::path& source, const char* name) const;
  /// The files of write_settings() are there as it would write them.
  [[nodiscard]] bool has_settings() const;

  PostgresConfig config_;
  Owner owner_;
};

}  // namespace gemel::adapters::postgres
