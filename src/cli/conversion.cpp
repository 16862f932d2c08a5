#include "cli/conversion.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "setup/remote.h"
#include "site/growth.h"

namespace gemel::cli {
namespace {

/// As a person would type it: quoted only where a shell needs it.
std::string as_typed(const std::string& word) {
  const bool is_plain = !word.empty() && std::ranges::all_of(word, [](unsigned char letter) {
    return std::isalnum(letter) != 0 || std::string_view("/._-+:@").contains(static_cast<char>(letter));
  });
  return is_plain ? word : setup::shell_quoted(word);
}

}  // namespace

bool is_running(const site::PlanInput& input) {
  return std::ranges::any_of(input.site.hosts, [&](const site::Host& host) {
    const auto found = input.facts.find(host.name);
    return found != input.facts.end() && host.concepts.database &&
           found->second.running_units.contains(std::string(site::agent_unit));
  });
}

bool is_growing(const site::PlanInput& input) { return site::growth_of(input).has_value(); }

std::string way_of_users(const site::PlanInput& input) {
  std::vector<std::string> balancers;
  for (const auto& host : input.site.hosts)
    if (host.concepts.balancer) balancers.push_back(host.address);
  const bool is_direct = std::ranges::any_of(
      input.site.hosts, [&](const site::Host& host) { return site::is_entered_directly(input, host); });
  if (!is_direct) return {};
  return fmt::format(
      "{} still leads to the first manager, which stays open to users. Let it lead to the balancer ({}); when the "
      "hosts "
      "see that, \"gemel apply\" closes the managers to everybody but the balancer.\n",
      input.site.dns_name, join(balancers, ", "));
}

std::string convert_command(const SetupOptions& options, const std::filesystem::path& site_file) {
  auto command = "gemel convert " + as_typed(site_file.string());
  const auto add = [&](const char* name, const std::filesystem::path& value) {
    if (!value.empty()) command += fmt::format(" {} {}", name, as_typed(std::filesystem::absolute(value).string()));
  };
  add("--state", options.state);
  add("--key", options.key);
  add("--packages", options.packages);
  if (options.port != SetupOptions{}.port) command += fmt::format(" --port {}", options.port);
  return command;
}

}  // namespace gemel::cli
