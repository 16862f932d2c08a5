#include "wizard/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "base/text.h"
#include "wizard/form.h"
#include "wizard/form_check.h"
#include "wizard/site_writer.h"

namespace gemel::wizard {
namespace {

std::string shown(const Answers& answers, const Field& field) {
  const auto value = value_of(answers, field);
  if (field.kind == FieldKind::secret) return value.empty() ? "(random)" : "(typed)";
  if (const auto known = std::ranges::find(field.choices, value);
      !field.choice_texts.empty() && known != field.choices.end()) {
    const auto& text = field.choice_texts.at(static_cast<std::size_t>(known - field.choices.begin()));
    return std::string(trim(text.substr(0, text.find_first_of(",:("))));  // what follows is there to choose by
  }
  return value.empty() ? "-" : value;
}

std::string url(const std::string& name, std::uint16_t port) {
  return port == 443 ? fmt::format("https://{}/", name) : fmt::format("https://{}:{}/", name, port);
}

/// Where programs reach the database.
std::string database_address(const site::Site& site) {
  if (site.vip || site.vip6) return site.vip ? site.vip->address : site.vip6->address;
  const auto database = std::ranges::find_if(site.hosts, [](const site::Host& host) { return host.concepts.database; });
  return database == site.hosts.end() ? std::string() : database->address;
}

}  // namespace

std::string summary_text(const Answers& answers) {
  std::string text;
  for (const auto& screen : screens_of(answers)) {
    if (screen.fields.empty()) continue;
    text += screen.title + "\n";
    for (const auto& field : screen.fields) text += fmt::format("  {:<26} {}\n", field.label, shown(answers, field));
  }
  for (const auto& [id, value] : answers.kept) {
    if (is_kept_of_use(answers, id)) text += fmt::format("As it was: {} = {}\n", id, value);
  }
  for (const auto& warning : judge(answers).warnings) {
    text += fmt::format("warning: {}: {}\n", place_of(answers, warning.field), warning.text);
  }
  return text;
}

std::string final_text(const site::Site& site, const Places& places) {
  const auto rendered = places.state / "rendered";
  const auto secrets = rendered / "secrets";
  std::string text = fmt::format("Write this down for future reference!\n\nSite               {}\n", site.name);
  text += fmt::format("Console            {}\n", url(site.dns_name, site.ports.https));
  const auto& own = site.own_certificate;
  if (own) text += fmt::format("Its certificate    {} (your own)\n", own->certificate.string());
  if (!own || !own->authority.empty()) {
    text += fmt::format("Its authority      {}\n",
                        own ? own->authority.string() : (rendered / "ca" / "web-ca.crt").string());
  }
  for (const auto& host : site.hosts) {
    if (!host.concepts.balancer) continue;
    text +=
        fmt::format("Statistics         http://{}:{}/haproxy_stats, user admin\n", host.address, site.ports.statistics);
  }
  if (!site.is_direct) text += fmt::format("  password in      {}\n", (secrets / "statistics.password").string());
  text += fmt::format("Database           {} port {}, database {}, user {}\n", database_address(site),
                      site.ports.postgres, site.database.database_name, site.database.application_user);
  text += fmt::format("  password in      {}\n", (secrets / "application.password").string());
  text += fmt::format("Site file          {}\n", places.site_file.string());
  text += fmt::format("Keys and secrets   {} (keep it private)\n", places.state.string());
  if (!places.log.empty()) text += fmt::format("Log                {}\n", places.log.string());
  return text + "\nLook at it with \"gemel status\" on any of its hosts.\n";
}

}  // namespace gemel::wizard
