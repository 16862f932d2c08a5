// One run at a time changes a host, wherever the runs come from: a lock on the host itself, which lasts as long as the
// connection of the run that took it (docs/adr/0029-a-run-holds-its-hosts-by-its-connection.md).
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "setup/remote.h"

namespace gemel::setup {

struct LockSettings {
  std::string token;  // of this run and no other
  std::string about;  // who asks, for the person who is refused: "gemel apply of root at opsbox (process 17)"
  std::filesystem::path file = "/run/gemel-setup.holder";  // on the host; there on every system, gone after a boot
  std::chrono::seconds patience{5};                        // for one that is just ending
  // A holder that is silent for so long has lost the lock: its machine is off, or its network gone.
  std::chrono::seconds lease{45};
};

/// A Remote that runs commands only on hosts whose lock it holds. Each command looks on its host, in the moment before
/// it runs, whether the lock is still this run's. Loop thread only; `remote` outlives it.
class LockedRemote : public Remote {
 public:
  LockedRemote(Remote* remote, LockSettings settings);

  /// Takes the lock of every host that answers, one after the other in the order of their names; hosts that do not
  /// answer are passed over, and no command runs there. `conflict` when another run holds one, with who, from where and
  /// since when; `refused` when a host cannot be locked. After an error none is held. Suspends.
  runtime::Task<Status> take(std::vector<std::string> hosts);
  /// Lets all go and waits until the hosts are free, some seconds at most. Without it they are free when this is
  /// destroyed or its process ends. Suspends.
  runtime::Task<void> release();

  /// As the Remote's own; nothing is done and it is `conflict` when the lock is not this run's any more, what the host
  /// answered to take() when it was passed over, and `refused` when nobody asked for its lock.
  runtime::Task<Result<runtime::CommandResult>> run(std::string host, RemoteCommand command) override;
  runtime::Task<Result<HoldOutcome>> hold(std::string host, RemoteCommand command) override;

 private:
  runtime::Task<void> look(std::string host, std::map<std::string, Status>* answers);
  [[nodiscard]] Error conflict(const std::string& host, const std::string& said) const;
  Remote* remote_;
  LockSettings settings_;
  std::map<std::string, std::unique_ptr<RemoteHold>> held_;
  std::map<std::string, Error> passed_over_;  // why they were not locked
};

}  // namespace gemel::setup
