#include "cli/site_question.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/plan_text.h"
#include "setup/replacement.h"

namespace gemel::cli {
namespace {

constexpr auto look_interval = std::chrono::seconds(1);
// Without a copy of data: a member of the store joins within 11 s, a manager starts within seconds.
constexpr std::chrono::seconds join_limit = std::chrono::minutes(10);

}  // namespace

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
    co_await runtime::sleep_for(look_interval);
  }
}

runtime::Task<std::string> wait_until_whole(SetupSession* session, site::Host host, std::chrono::seconds limit) {
  const auto deadline = runtime::boot_now() + limit;
  while (true) {
    const auto status = co_await ask_site(session, host.name);
    auto missing = status ? setup::missing_redundancy(host, *status) : status.error().to_string();
    if (missing.empty() || runtime::boot_now() >= deadline) co_return missing;
    co_await runtime::sleep_for(look_interval);
  }
}

std::chrono::seconds limit_of(const site::Host& host, std::chrono::seconds copy_limit) {
  return host.concepts.database ? copy_limit : std::min(copy_limit, join_limit);
}

runtime::Task<ExitCode> expect_settled(SetupSession* session, bool use_colour) {
  const auto plan = co_await session->make_plan();
  if (is_blocked(plan)) {
    print(plan_table(session->site().name, plan, false, use_colour));
    complain("this stands in the way; nothing was changed");
    co_return obstacle_of(plan);
  }
  if (!plan.steps.empty()) {
    print(plan_table(session->site().name, plan, false, use_colour));
    complain("the site is not as its file says: \"gemel apply\" first; nothing was changed");
    co_return ExitCode::refused;
  }
  const auto missing = co_await wait_until_healthy(session, std::chrono::seconds(0));
  if (missing.empty()) co_return ExitCode::done;
  complain(missing + "; mend that first; nothing was changed");
  co_return ExitCode::refused;
}

}  // namespace gemel::cli
