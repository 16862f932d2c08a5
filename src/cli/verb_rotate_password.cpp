// gemel rotate password: a new password for a running site.
#include <fmt/format.h>
#include <unistd.h>

#include "cli/run_loop.h"
#include "cli/setup_session.h"
#include "cli/table.h"
#include "setup/password_rotation.h"

namespace gemel::cli {
namespace {

runtime::Task<ExitCode> rotate(SetupSession* session, bool is_confirmed) {
  const auto known = co_await lock_after_asking(session, is_confirmed, "gemel rotate password");
  if (!known) co_return known.error();
  setup::PasswordRotation rotation(session->changer(), &session->site(), session->state() / "rendered" / "secrets",
                                   [](const std::string& line) { print(line + "\n"); });
  const auto outcome = co_await rotation.run();
  if (!outcome) {
    complain(outcome.error().to_string());
    complain("stopped; the site goes on with the password it has, and the same command goes on from here");
    co_return exit_code_of(outcome.error());
  }
  print(fmt::format("The password of '{}' is rotated. It is kept in {}\n", session->site().database.application_user,
                    (session->state() / "rendered" / "secrets" / "application.password").string()));
  co_return ExitCode::done;
}

runtime::Task<ExitCode> rotate_and_close(SetupSession* session, bool is_confirmed) {
  const auto code = co_await rotate(session, is_confirmed);
  co_await session->close();
  co_return code;
}

}  // namespace

ExitCode run_rotate_password(const SetupOptions& options) {
  const auto session = open_session(options);
  if (!session) return session.error();
  if (const auto& site = (*session)->site(); site.database.external) {
    complain(fmt::format(
        "the database is external: give '{}' its new password at the provider, write it into {}, then \"gemel apply\" "
        "brings it to the managers one after the other (where the provider keeps both passwords valid for a while, no "
        "request fails); nothing was changed",
        site.database.application_user, site.external_files->password.string()));
    return ExitCode::refused;
  }
  if (!options.is_confirmed && !is_confirmed("Give the managers' database user a new password?")) {
    complain("nothing was changed");
    return ExitCode::refused;
  }
  return run_loop(rotate_and_close(session->get(), options.is_confirmed));
}

}  // namespace gemel::cli
