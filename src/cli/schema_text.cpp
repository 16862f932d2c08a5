#include "cli/schema_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>
#include <utility>

#include "cli/table.h"
#include "site/role_table.h"
#include "site/site_sample.h"
#include "site/site_schema.h"

namespace gemel::cli {
namespace {

namespace json = boost::json;
using site::SchemaKey;

/// Texts, numbers and lists are written alike in TOML and in JSON, as long as nothing is escaped.
json::value value_of(const std::string& toml) { return toml.empty() ? json::value(nullptr) : json::parse(toml); }

json::object object_of(const SchemaKey& key) {
  const auto standard = standard_of(key);
  json::object object{{"name", key.name},
                      {"kind", to_string(key.kind)},
                      {"unit", key.unit},
                      {"is_required", key.is_required},
                      {"standard", value_of(standard.value)},
                      {"standard_in_words", standard.words},
                      {"choices", nullptr},
                      {"lowest", nullptr},
                      {"highest", nullptr},
                      {"meaning", key.meaning},
                      {"example", value_of(example_of(key))}};
  if (key.choices != nullptr) {
    json::array choices;
    for (const auto choice : key.choices()) choices.emplace_back(choice);
    object["choices"] = std::move(choices);
  }
  if (key.range) {
    object["lowest"] = key.range->lowest;
    object["highest"] = key.range->highest;
  }
  return object;
}

std::string kind_of(const SchemaKey& key) {
  auto text = std::string(to_string(key.kind));
  if (!key.unit.empty()) text += fmt::format(" ({})", key.unit);
  if (key.range) text += fmt::format(", {} to {}", key.range->lowest, key.range->highest);
  return text;
}

/// `mark` goes around a value.
std::string standard_text(const SchemaKey& key, std::string_view mark) {
  if (key.is_required) return "required";
  const auto standard = standard_of(key);
  if (standard.value.empty()) return standard.words;
  const auto value = fmt::format("{}{}{}", mark, standard.value, mark);
  return standard.words.empty() ? value : fmt::format("{}; {}", value, standard.words);
}

std::string meaning_of(const SchemaKey& key) {
  auto text = std::string(key.meaning);
  if (key.choices != nullptr) text += fmt::format(": {}", fmt::join(key.choices(), ", "));
  return text;
}

std::string_view part_of(const site::Concepts& concepts) {
  if (concepts.manager && concepts.database) return "manager, database and load balancer";
  if (concepts.manager) return "manager";
  return concepts.database ? "database" : "load balancer";
}

std::string roles_markdown() {
  std::string text =
      "## Roles\n\nA site has the roles of a highly available one, `ALL` on three hosts or another odd number, or "
      "those of a "
      "standalone one.\n\n| Role | The host is | Of a site that is |\n|---|---|---|\n";
  for (const auto& role : site::roles()) {
    text += fmt::format("| `{}` | {} | {} |\n", role.name, part_of(role.concepts),
                        role.is_standalone() ? "standalone" : "highly available");
  }
  return text;
}

}  // namespace

std::string schema_table(bool is_wide, bool use_colour) {
  Table table;
  table.title = "The site file: sections and keys";
  table.header = {"Section", "Key", "Kind", "Standard", "Meaning"};
  if (is_wide) table.header.push_back("Example");
  for (const auto& section : site::site_schema()) {
    auto heading = section.heading();
    for (const auto& key : section.keys) {
      table.rows.push_back({{std::exchange(heading, "")},
                            {std::string(key.name)},
                            {kind_of(key), Colour::faint},
                            {standard_text(key, "")},
                            {meaning_of(key)}});
      if (is_wide) table.rows.back().push_back({example_of(key), Colour::faint});
    }
  }
  return render_table(table, use_colour);
}

std::string schema_json() {
  json::array sections;
  for (const auto& section : site::site_schema()) {
    json::array keys;
    for (const auto& key : section.keys) keys.push_back(object_of(key));
    sections.push_back(json::object{{"name", section.name},
                                    {"heading", section.heading()},
                                    {"is_repeated", section.is_repeated},
                                    {"is_required", section.is_required},
                                    {"meaning", section.meaning},
                                    {"keys", std::move(keys)}});
  }
  return json::serialize(json::object{{"api_version", "v1"}, {"sections", std::move(sections)}});
}

std::string schema_markdown() {
  std::string text =
      "# The site file\n\n"
      "One file in TOML says what a site is; `gemel plan` shows what would have to be done so that the hosts are so, "
      "and\n"
      "`gemel apply` does it ([setting up](setup.md)). The [wizard](wizard.md) writes one. Whatever is wrong in it is "
      "said\n"
      "at once, with line, column and what to do. It holds no secret. More about [addresses](addresses.md),\n"
      "[timers](timers.md), [copies and clients](copies-and-clients.md), "
      "[certificates](setup.md#a-certificate-of-your-own),\n"
      "[a database of somebody else](setup.md#a-database-of-somebody-else).\n\n"
      "`gemel schema` prints these tables (`-o json` for programs), `gemel schema --sample` the file at the end of "
      "this\n"
      "page, `gemel schema --markdown` this page; a unit test keeps the two equal. \"Standard\" is what holds when the "
      "key\n"
      "is left out.\n";
  for (const auto& section : site::site_schema()) {
    text += fmt::format("\n## {}\n\n{}{}\n\n", section.heading(), section.meaning,
                        section.is_required ? " Required." : " May be left out.");
    text += "| Key | Kind | Standard | Meaning | Example |\n|---|---|---|---|---|\n";
    for (const auto& key : section.keys) {
      text += fmt::format("| `{}` | {} | {} | {} | `{}` |\n", key.name, kind_of(key), standard_text(key, "`"),
                          meaning_of(key), example_of(key));
    }
  }
  return text + "\n" + roles_markdown() + "\n## A sample\n\n```toml\n" + site::site_sample() + "```\n";
}

}  // namespace gemel::cli
