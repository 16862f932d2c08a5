#include "site/site_sample.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "base/text.h"
#include "site/site_schema.h"

namespace gemel::site {
namespace {

constexpr std::size_t width = 100;

constexpr std::string_view preface =
    R"(# A site file, in TOML: one highly available site of five hosts. What may be left out is left out here, by a # at the
# beginning of its line: it shows the standard value, or an example where there is none. Change what is yours, then
#     gemel plan FILE
)";

struct SampleHost {
  std::string_view name;
  std::string_view role;
  std::string_view address;
  std::string_view zone;
};
/// The first host is made of the table's own examples.
constexpr std::array<SampleHost, 4> other_hosts{{{"ccm2", "CCM_SA_SECONDARY", "10.0.0.12", "b"},
                                                 {"db1", "MGMTPOSTGRES_MASTER", "10.0.0.21", "a"},
                                                 {"db2", "MGMTPOSTGRES_SLAVE", "10.0.0.22", "b"},
                                                 {"lb1", "CCM_LB", "10.0.0.31", "a"}}};

/// `text` as lines of comment, broken between words.
std::string comment(const std::string& text) {
  std::string lines;
  std::string line = "#";
  for (const auto& word : split(text, ' ')) {
    if (line.size() + 1 + word.size() > width) {
      lines += line + "\n";
      line = "#";
    }
    line += " " + word;
  }
  return lines + line + "\n";
}

std::string sentence_of(const SchemaKey& key) {
  std::string text(key.meaning);
  if (key.choices != nullptr) text += fmt::format("; one of {}", fmt::join(key.choices(), ", "));
  const auto standard = standard_of(key);
  if (key.is_required) return text + " (required)";
  if (!standard.words.empty() && !standard.value.empty()) return fmt::format("{} (or {})", text, standard.words);
  if (!standard.words.empty()) return fmt::format("{} (left out: {})", text, standard.words);
  return text;
}

std::string section_text(const SchemaSection& section) {
  const std::string_view out = section.is_required ? "" : "#";
  auto text = "\n" + comment(std::string(section.meaning)) + fmt::format("{}{}\n", out, section.heading());
  for (const auto& key : section.keys) {
    const bool is_live = section.is_required && (key.is_required || key.is_shown);
    text += comment(sentence_of(key));
    text += fmt::format("{}{} = {}\n", is_live ? "" : "#", key.name, example_of(key));
  }
  return text;
}

std::string host_text(const SampleHost& host) {
  return fmt::format("\n[[host]]\nname = \"{}\"\nrole = \"{}\"\naddress = \"{}\"\nzone = \"{}\"\n", host.name,
                     host.role, host.address, host.zone);
}

}  // namespace

std::string site_sample() {
  std::string text(preface);
  for (const auto& section : site_schema()) {
    text += section_text(section);
    if (!section.is_repeated) continue;
    for (const auto& host : other_hosts) text += host_text(host);
  }
  return text;
}

}  // namespace gemel::site
