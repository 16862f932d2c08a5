#include "cli/rules_chart.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/policy.h"

namespace gemel::cli {
namespace {

/// Within quotes Mermaid takes everything but quotes and entities.
std::string quoted(std::string_view text) {
  std::string result;
  for (const char c : text) result += c == '"' ? '\'' : c;
  return "\"" + result + "\"";
}

/// Rules that let those below decide too have round ends.
std::string node_of(const core::Rule& rule) {
  const std::string text = quoted(fmt::format("{}: {}", rule.id, rule.when));
  return rule.go_on ? fmt::format("r_{}([{}])", rule.id, text) : fmt::format("r_{}[{}]", rule.id, text);
}

}  // namespace

std::string rules_chart() {
  std::string text = "flowchart TD\n";
  std::string before;
  for (const auto& subject : core::policy_subjects()) {
    text += fmt::format("  subgraph s_{}[{}]\n", subject.id, quoted(subject.title));
    for (const auto& rule : subject.rules) text += "    " + node_of(rule) + "\n";
    for (std::size_t at = 1; at < subject.rules.size(); ++at)
      text += fmt::format("    r_{} --> r_{}\n", subject.rules[at - 1].id, subject.rules[at].id);
    text += "  end\n";
    if (!before.empty()) text += fmt::format("  s_{} --> s_{}\n", before, subject.id);
    before = subject.id;
  }
  return text;
}

}  // namespace gemel::cli
