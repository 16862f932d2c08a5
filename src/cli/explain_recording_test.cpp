// A recording of a real take-over, made on the lab: replayed as recorded, and told in words a person can follow. When
// the rules change on purpose: GEMEL_REGENERATE=1 gemel_cli_test --gtest_filter='RealTakeOver*', then read the
// difference; when they change so much that it no longer takes over, record another one (tests/recordings/README.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/text.h"
#include "cli/explain_text.h"
#include "runtime/files.h"

namespace gemel::cli {
namespace {

using ::testing::HasSubstr;

constexpr auto file = "tests/recordings/takeover.jsonl";

/// The same inputs with what is decided on them now.
std::string regenerated(const std::string& text) {
  const auto lines = split(text, '\n');
  const auto begin = replay::decode_begin(lines.front());
  if (!begin) return text;
  core::Controller controller(begin->self, begin->config, begin->seed);
  std::string result = lines.front() + "\n";
  for (auto line = lines.begin() + 1; line != lines.end(); ++line) {
    const auto step = replay::decode_step(*line);
    if (!step) continue;  // the empty one behind the last newline
    result += replay::encode_step({step->input, replay::outcome_of(controller.step(step->input))}) + "\n";
  }
  return result;
}

class RealTakeOver : public ::testing::Test {
 protected:
  void SetUp() override {
    auto text = runtime::read_file(file);
    ASSERT_TRUE(text) << text.error().to_string();
    if (std::getenv("GEMEL_REGENERATE") != nullptr) std::ofstream(file) << (*text = regenerated(*text));
    auto parsed = replay::parse_recording(*text);
    ASSERT_TRUE(parsed) << parsed.error().to_string();
    recording = std::move(*parsed);
  }
  replay::Recording recording;
};

TEST_F(RealTakeOver, is_decided_again_as_it_was) {
  ASSERT_EQ(recording.stretches.size(), 1U);
  EXPECT_EQ(recording.unreplayable_steps, 0U);
  const auto explanation = explain(recording, {});
  EXPECT_TRUE(explanation.stretches[0].is_from_beginning);
  EXPECT_GT(explanation.stretches[0].inputs, 100U);
  EXPECT_EQ(explanation.stretches[0].compared, explanation.stretches[0].inputs);
  EXPECT_EQ(explanation.differences(), 0U) << explanation_text(explanation, false);
}

TEST_F(RealTakeOver, is_told_step_by_step) {
  const auto explanation = explain(recording, {});
  // The steps of a take-over, each by its rule and in this order.
  const auto& steps = explanation.stretches.at(0).steps;
  auto place = steps.begin();
  for (const auto* rule : {"bid", "mark_epoch", "promote", "open"}) {
    place = std::find_if(place, steps.end(), [&](const ExplainedStep& step) {
      return step.rule == rule || std::ranges::count(step.matched, rule) != 0;
    });
    ASSERT_NE(place, steps.end()) << rule << "\n" << explanation_text(explanation, false);
  }
  EXPECT_LE(steps.size(), 20U) << "decisions, not the reads of every two seconds";
  const auto text = explanation_text(explanation, false);
  EXPECT_THAT(text, HasSubstr("bids for epoch"));
  EXPECT_THAT(text, HasSubstr("opens: primary of epoch"));
  for (const auto& line : split(text, '\n')) EXPECT_LT(line.size(), 400U) << line;
}

}  // namespace
}  // namespace gemel::cli
