#include "site/setting.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "site/toml_reader.h"
#include "site/toml_text.h"

namespace gemel::site {
namespace {

// Known to be safe while one host has the former value and the next has the new one already. Whoever adds a key shows
// that.
constexpr std::array<std::string_view, 18> settable{"network.service_targets",
                                                    "network.client_addresses",
                                                    "network.address_command",
                                                    "database.min_copies",
                                                    "database.sync_standbys",
                                                    "certificates.certificate",
                                                    "certificates.key",
                                                    "certificates.authority",
                                                    "ports.https",
                                                    "ports.orchestrators",
                                                    "ports.statistics",
                                                    "aws.region",
                                                    "aws.endpoint",
                                                    "aws.metadata",
                                                    "aws.ca",
                                                    "openstack.secret_file",
                                                    "openstack.region",
                                                    "openstack.ca"};

struct Way {
  std::string_view names;  // a key, or the beginning of several
  std::string_view text;
};
constexpr std::string_view address_way =
    "\"gemel convert\" gives a standalone site its floating address; otherwise \"gemel destroy\" and \"gemel apply\" "
    "make a new site";
constexpr std::string_view external_way =
    "change it in the site file (or what its file holds), then \"gemel apply\" brings it to the managers one after the "
    "other";
/// What to do instead; the first that fits.
constexpr std::array<Way, 15> ways{{
    {"site.name", "a site of another name is another site: \"gemel destroy\", then \"gemel apply\""},
    {"site.id", "a site of another id is another site: \"gemel destroy\", then \"gemel apply\""},
    {"host.",
     "\"gemel add-host\" and \"gemel remove-host\" change which hosts there are, \"gemel replace-host\" takes one that "
     "was installed anew, \"gemel convert\" gives the hosts of a standalone site new roles"},
    {"network.vip", address_way},
    {"network.subnets", address_way},
    {"network.interface", address_way},
    {"network.address_provider", address_way},
    {"aws.", address_way},
    {"openstack.", address_way},
    {"database.endpoint",
     "stop every manager first, so that no two databases are written to; then change it in the site file and \"gemel "
     "apply\""},
    {"database.ca", external_way},
    {"database.password_file", external_way},
    {"database.", "the database was made with it; \"gemel rotate password\" changes its user's password"},
    {"timers.",
     "a running site gets other timers in two runs of \"gemel apply\", which says them: see docs/handbook/timers.md"},
    {"ports.",
     "hosts that know another port than their peers do not reach them: it is chosen before the site is set up"},
}};

std::string way_of(std::string_view name) {
  for (const auto& way : ways)
    if (name.starts_with(way.names)) return std::string(way.text);
  return "change it in the site file, look at what \"gemel plan\" says of it, then \"gemel apply\"";
}

/// The value as TOML; nullopt when it is none of that kind.
std::optional<std::string> toml_value(KeyKind kind, const std::string& value) {
  const auto is = [&](const std::string& text, toml::node_type type) {
    const auto parsed = toml::parse("value = " + text);
    return parsed && parsed.table().size() == 1 && parsed.table().get("value")->type() == type;
  };
  const auto quoted = [&](std::string_view text) { return fmt::format("\"{}\"", text); };
  switch (kind) {
    case KeyKind::whole_number:
      if (is(value, toml::node_type::integer)) return value;
      return std::nullopt;
    case KeyKind::number:
      if (is(value, toml::node_type::floating_point)) return value;
      return std::nullopt;
    case KeyKind::text:
      if (is(value, toml::node_type::string)) return value;
      if (is(quoted(value), toml::node_type::string)) return quoted(value);
      return std::nullopt;
    case KeyKind::texts:
      break;
  }
  if (value.starts_with('[')) {
    if (is(value, toml::node_type::array)) return value;
    return std::nullopt;
  }
  std::vector<std::string> words;
  for (const auto& word : split(value, ',')) words.push_back(quoted(trim(word)));
  const auto list = fmt::format("[{}]", fmt::join(words, ", "));
  if (is(list, toml::node_type::array)) return list;
  return std::nullopt;
}

std::optional<std::string> edited(std::string text, const toml::table& document, const Setting& setting) {
  const auto line = fmt::format("{} = {}\n", setting.key, setting.value);
  const auto* section = document.get_as<toml::table>(setting.section);
  if (section == nullptr) {
    if (!text.empty() && !text.ends_with('\n')) text += '\n';
    return text + fmt::format("\n[{}]\n", setting.section) + line;
  }
  if (const auto* value = section->get(setting.key)) {
    const auto begin = offset_of(text, value->source().begin);
    const auto end = offset_of(text, value->source().end);
    if (!begin || !end || *end < *begin) return std::nullopt;
    return text.replace(*begin, *end - *begin, setting.value);
  }
  auto last = section->source().begin;
  for (const auto& [key, value] : *section)
    if (!value.is_table() && value.source().end.line > last.line) last = value.source().end;
  const auto at = offset_of(text, {last.line, 1});
  if (!at) return std::nullopt;
  const auto place = next_line(text, *at);
  return text.insert(place, line);
}

/// The same document but for the setting.
bool differs_in_nothing_else(const toml::table& before, const toml::table& after, const Setting& setting) {
  auto wanted = before;
  const auto value = toml::parse("value = " + setting.value);
  if (!value) return false;
  if (wanted.get_as<toml::table>(setting.section) == nullptr) wanted.insert_or_assign(setting.section, toml::table{});
  wanted.get_as<toml::table>(setting.section)->insert_or_assign(setting.key, *value.table().get("value"));
  return wanted == after;
}

}  // namespace

std::vector<std::string> settable_keys() { return {settable.begin(), settable.end()}; }

Result<Setting> parse_setting(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos)
    return fail(ErrorCode::invalid, fmt::format("\"{}\" is no setting: write it as database.min_copies=2", text));
  const std::string name(trim(text.substr(0, equals)));
  const std::string given(trim(text.substr(equals + 1)));
  const SchemaKey* found = nullptr;
  std::vector<std::string> all;
  for (const auto& section : site_schema()) {
    for (const auto& key : section.keys) {
      all.push_back(fmt::format("{}.{}", section.name, key.name));
      if (all.back() == name) found = &key;
    }
  }
  const bool is_of_host = name.starts_with("host.");  // host.db1.role, too
  if (found == nullptr && !is_of_host) {
    const std::vector<std::string_view> known(all.begin(), all.end());
    return fail(ErrorCode::invalid, fmt::format("a site file has no key \"{}\".{} \"gemel schema\" lists them all",
                                                name, did_you_mean(name, known)));
  }
  if (std::ranges::find(settable, name) == settable.end())
    return fail(ErrorCode::refused,
                fmt::format("\"{}\" is not changed alone while a site runs: {}", name, way_of(name)));
  const auto value = given.empty() ? std::nullopt : toml_value(found->kind, given);
  if (!value) {
    return fail(ErrorCode::invalid, fmt::format("\"{}\" of \"{}\" must be a {}, as {}={}", given, name,
                                                to_string(found->kind), name, example_of(*found)));
  }
  const auto dot = name.find('.');
  return Setting{name.substr(0, dot), name.substr(dot + 1), *value};
}

Result<std::string> with_setting(const std::string& text, const Setting& setting) {
  const auto before = toml::parse(text);
  if (!before) return fail(ErrorCode::invalid, "this is not TOML");
  auto result = edited(text, before.table(), setting);
  const auto after = toml::parse(result.value_or(""));
  if (!result || !after || !differs_in_nothing_else(before.table(), after.table(), setting)) {
    return fail(ErrorCode::invalid,
                fmt::format("the site file is written in a way that leaves no place for \"{}\": give it a section [{}] "
                            "with one key per line, or change it there yourself and use \"gemel apply\"",
                            setting.name(), setting.section));
  }
  return *std::move(result);
}

}  // namespace gemel::site
