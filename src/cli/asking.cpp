#include "cli/asking.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/document.h"

namespace gemel::cli {
namespace {

constexpr auto poll_interval = std::chrono::milliseconds(50);

}  // namespace

std::string asking_user() {
  const char* behind_sudo = std::getenv("SUDO_USER");
  if (behind_sudo != nullptr && *behind_sudo != '\0') return behind_sudo;
  const passwd* entry = getpwuid(getuid());
  return entry != nullptr ? entry->pw_name : "uid " + std::to_string(getuid());
}

runtime::Task<std::optional<api::SiteStatus>> wait_for_site(api::AgentClient* agents, std::chrono::milliseconds limit,
                                                            std::chrono::seconds timeout,
                                                            std::function<bool(const api::SiteSummary&)> holds) {
  const auto deadline = runtime::boot_now() + timeout;
  while (runtime::boot_now() < deadline) {
    auto site = co_await agents->fetch_site(limit);
    if (holds(site.summary)) co_return std::move(site);
    co_await runtime::sleep_for(poll_interval);
  }
  co_return std::nullopt;
}

void print_result(OutputFormat format, const std::string& json, const std::string& sentence) {
  switch (format) {
    case OutputFormat::json:
      return print(pretty_json(json));
    case OutputFormat::yaml:
      return print(to_yaml(json));
    case OutputFormat::table:
    case OutputFormat::wide:
      return print(sentence);
  }
}

}  // namespace gemel::cli
