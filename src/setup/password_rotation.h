// A new password for the database user of the managers, without a request that fails: for a while they know both.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "setup/remote.h"
#include "site/site.h"

namespace gemel::setup {

/// One rotation. Loop thread only; `remote` and `site` outlive it. Resumable: the next password is kept in the secrets
/// directory until every host has it, and a rotation that finds one there goes on with it.
class PasswordRotation {
 public:
  using Sink = std::function<void(const std::string&)>;  // a line to show, without secrets
  /// `secrets`: the directory of the rendered site's secrets (site::render), whose lock the caller holds.
  PasswordRotation(Remote* remote, const site::Site* site, std::filesystem::path secrets, Sink sink);

  /// Lays the next password on the managers, sets it in the database (SCRAM verifier only), gives it to every host, and
  /// makes sure that the former one is refused. On an error the managers may still know both: done again, it goes on.
  /// `refused`: no database host is primary. Suspends.
  runtime::Task<Status> run();

 private:
  runtime::Task<Status> lay(std::string file, std::string password, bool is_for_managers_only);
  runtime::Task<Status> set_in_database();
  runtime::Task<Status> forget_next();
  runtime::Task<Status> check();
  runtime::Task<Status> ask(std::string host, RemoteCommand command, std::string what);
  Status load();
  Status keep();

  Remote* remote_;
  const site::Site* site_;
  std::filesystem::path secrets_;
  Sink sink_;
  std::string former_;
  std::string next_;
  std::string primary_;
};

}  // namespace gemel::setup
