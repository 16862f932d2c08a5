// gemel destroy: takes a site down for good, after a person has typed its name. Data is kept aside, never deleted.
#include <fmt/format.h>

#include <iostream>

#include "base/text.h"
#include "cli/applied_site.h"
#include "cli/run_loop.h"
#include "cli/setup_session.h"
#include "cli/site_file.h"
#include "cli/stamp.h"
#include "cli/table.h"
#include "setup/site_removal.h"

namespace gemel::cli {
namespace {

/// The phrase must be exact, given beforehand or typed.
bool is_meant(const std::string& phrase, const std::string& given) {
  if (!given.empty()) return given == phrase;
  print(
      fmt::format("The site ends: users are cut off, and nothing runs on its hosts any more. Its data is moved aside.\n"
                  "Type \"{}\" to go on: ",
                  phrase));
  std::string line;
  return std::getline(std::cin, line) && trim(line) == phrase;
}

runtime::Task<ExitCode> destroy(SetupSession* session, bool is_confirmed) {
  const auto known = co_await lock_after_asking(session, is_confirmed, "gemel destroy");
  if (!known) co_return known.error();
  const auto stamp = now_stamp();
  const auto outcome = co_await setup::remove_site(session->changer(), {&session->site(), session->site_id(), stamp},
                                                   [](const std::string& line) { print(line + "\n"); });
  if (!outcome) {
    complain(outcome.error().to_string());
    complain("stopped; the same command goes on from here");
    co_return exit_code_of(outcome.error());
  }
  // Left behind it would only have the wizard take the site for one that runs.
  if (auto status = forget_applied(session->state()); !status) complain(status.error().to_string());
  print(fmt::format("The site '{}' is gone. Its authorities and passwords are kept in {}\n", session->site().name,
                    session->state().string()));
  co_return ExitCode::done;
}

runtime::Task<ExitCode> destroy_and_close(SetupSession* session, bool is_confirmed) {
  const auto code = co_await destroy(session, is_confirmed);
  co_await session->close();
  co_return code;
}

}  // namespace

ExitCode run_destroy(const SetupOptions& options, const std::string& phrase) {
  const auto session = open_session(options);
  if (!session) return session.error();
  const auto wanted = "destroy " + (*session)->site().name;
  if (!is_meant(wanted, phrase)) {
    complain(fmt::format("not confirmed with \"{}\"; nothing was changed", wanted));
    return ExitCode::refused;
  }
  return run_loop(destroy_and_close(session->get(), options.is_confirmed));
}

}  // namespace gemel::cli
