// A Remote over OpenSSH's own client: one child process per command, one connection per host that they share.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "setup/remote.h"

namespace gemel::setup {

struct SshSettings {
  std::map<std::string, std::string> addresses;  // host to the address to connect to
  std::filesystem::path known_hosts;             // the pinned keys, by the hosts' names; nothing else is believed
  std::optional<std::filesystem::path> key;      // private key; empty: what the user's agent offers
  std::string user = "root";
  std::uint16_t port = 22;
  std::filesystem::path program = "/usr/bin/ssh";
};

/// Makes a directory for the connections' sockets (mode 0700, removed at the end); close() ends them, and a connection
/// that nobody uses ends by itself after a minute.
class SshRemote : public Remote {
 public:
  /// `denied`/`unavailable` when the directory for the sockets cannot be made.
  static Result<std::unique_ptr<SshRemote>> create(SshSettings settings);
  ~SshRemote() override;

  runtime::Task<Result<runtime::CommandResult>> run(std::string host, RemoteCommand command) override;
  runtime::Task<Result<HoldOutcome>> hold(std::string host, RemoteCommand command) override;
  /// Ends the shared connections. Suspends, at most some seconds; nothing can be run afterwards but by connecting anew.
  runtime::Task<void> close();

 private:
  SshRemote(SshSettings settings, std::filesystem::path sockets);
  [[nodiscard]] runtime::ChildSpec base(const std::string& host) const;
  /// The client that runs `command`; `not_found`: no such host.
  [[nodiscard]] Result<runtime::ChildSpec> client(const std::string& host, const RemoteCommand& command) const;
  SshSettings settings_;
  std::filesystem::path sockets_;
};

}  // namespace gemel::setup
