// The chart of the rules, and the document that shows it. Run in the root of the source.
#include "cli/rules_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "core/policy.h"

namespace gemel::cli {
namespace {

using ::testing::HasSubstr;

TEST(RulesChart, shows_every_subject_and_every_rule) {
  const std::string chart = rules_chart();
  for (const auto& subject : core::policy_subjects()) EXPECT_THAT(chart, HasSubstr(std::string(subject.title)));
  for (const auto& rule : core::policy_table())
    EXPECT_THAT(chart, HasSubstr("\"" + std::string(rule.id) + ": ")) << rule.id;
}

TEST(RulesChart, is_what_the_document_shows) {
  std::ifstream file("docs/rules.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("```mermaid\n" + rules_chart() + "```"))
      << "docs/rules.md is old: put the output of gemel rules --mermaid into it";
}

}  // namespace
}  // namespace gemel::cli
