#include "cli/site_question.h"

#include <fmt/format.h>

#include "setup/replacement.h"

namespace gemel::cli {

runtime::Task<Result<api::SiteStatus>> ask_site(SetupSession* session, std::string without) {
  Error last{ErrorCode::unavailable, "the site has no other host"};
  for (const auto& host : session->site().hosts) {
    if (host.name == without) continue;
    setup::RemoteCommand command;
    command.arguments = {"gemel", "status", "-o", "json"};
    const auto said = co_await session->remote()->run(host.name, std::move(command));
    if (!said) {
      last = said.error().with(host.name);
      continue;
    }
    auto status = setup::read_status(said->output);
    if (status) co_return status;
    last = status.error().with(host.name);
  }
  co_return std::unexpected(last);
}

runtime::Task<std::string> wait_until_healthy(SetupSession* session, std::chrono::seconds limit) {
  const auto deadline = runtime::boot_now() + limit;
  while (true) {
    const auto status = co_await ask_site(session, {});
    if (status && status->summary.health == "healthy") co_return std::string();
    if (runtime::boot_now() >= deadline) {
      if (!status) co_return "no host says how the site is: " + status.error().to_string();
      co_return fmt::format(
          "the site is {}: {}", status->summary.health,
          status->summary.problems.empty() ? "\"gemel status\" tells more" : status->summary.problems.front());
    }
    co_await runtime::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace gemel::cli
