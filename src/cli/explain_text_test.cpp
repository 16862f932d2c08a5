// What `gemel explain` prints: decisions with their input and rule, what the filters leave, and the verdict.
#include "cli/explain_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace gemel::cli {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

const NodeId db1{"db1"};

/// db1 alone starts, reads a record that names it, and loses the store: some decisions, one epoch.
class Explained : public ::testing::Test {
 protected:
  Explained() {
    core::Config config{{db1, NodeId{"db2"}}, db1, "site", {}, 1};
    core::Controller controller(db1, config, 1);
    text = replay::encode_begin({{"9.9.9", TimePoint{milliseconds(1000)}, "2026-01-31T23:59:59.000Z"}, db1, config, 1});
    const auto take = [&](int at, core::Event event) {
      const core::Input input{TimePoint{milliseconds(at)}, std::move(event)};
      text += "\n" + replay::encode_step({input, replay::outcome_of(controller.step(input))});
    };
    take(1010, core::event::Tick{});
    core::Record record;
    record.epoch = Epoch{7};
    record.holder = db1;
    record.members = {db1};
    record.cluster_id = "site";
    record.system_id = "7";
    take(3020, core::event::ActionEnded{controller.state().slots.at(core::Slot::store).id, core::Certainty::done,
                                        core::StoreView{core::VersionedRecord{record, Revision{3}}, {}}, "because"});
    for (int at = 3100; at < 4000; at += 50) take(at, core::event::Tick{});
    last_rule = controller.state().last_rule;
  }
  [[nodiscard]] Explanation explained(const ExplainFilter& filter = {}) const {
    return explain(replay::parse_recording(text).value(), filter);
  }
  [[nodiscard]] std::size_t shown(const ExplainFilter& filter) const {
    return explained(filter).stretches.at(0).steps.size();
  }
  std::string text;
  std::string last_rule;
};

TEST_F(Explained, tells_time_input_rule_and_actions_of_each_decision) {
  const auto out = explanation_text(explained(), false);
  EXPECT_THAT(out, HasSubstr("== db1, 2026-01-31T23:59:59.010Z to 2026-02-01T00:00:01.9"));
  EXPECT_THAT(out, HasSubstr("2026-01-31T23:59:59.010Z  +0.010 s  epoch 0\n  input   time passed\n"));
  EXPECT_THAT(out, HasSubstr("2026-02-01T00:00:01.020Z  +2.020 s  epoch 7\n"));
  EXPECT_THAT(out, HasSubstr("read_store: done (because), revision 3: epoch 7 normal of db1 members {db1}"));
  EXPECT_THAT(out, HasSubstr(" -> "));
  EXPECT_THAT(out, HasSubstr("all 20 steps decided as recorded"));
  EXPECT_THAT(out, HasSubstr("the recording ends"));
  EXPECT_THAT(out, Not(HasSubstr("DIFFERS")));
}

TEST_F(Explained, shows_changes_only_unless_every_step_is_wanted) {
  const auto changes = shown({});
  EXPECT_GE(changes, 2U);
  EXPECT_LT(changes, 20U);
  ExplainFilter all;
  all.is_every_step = true;
  EXPECT_EQ(shown(all), 20U);
}

TEST_F(Explained, narrows_to_a_time_an_epoch_or_a_rule) {
  ExplainFilter filter;
  filter.is_every_step = true;
  filter.window = milliseconds(200);
  filter.around = parse_around("7");
  EXPECT_EQ(shown(filter), 4U) << "3020, 3100, 3150, 3200";
  filter.around = parse_around("8");
  EXPECT_EQ(shown(filter), 0U);
  filter.around = parse_around("00:00:01.020");
  EXPECT_EQ(shown(filter), 4U);
  filter.around = parse_around("2026-02-01T00:00:01.020Z");
  EXPECT_EQ(shown(filter), 4U);
  filter.around = parse_around("2026-02-02T00:00:01.020Z");
  EXPECT_EQ(shown(filter), 0U);
  filter.around = parse_around("23:59:59.9");  // past midnight it is near as well
  filter.window = milliseconds(1200);
  EXPECT_EQ(shown(filter), 3U) << "1010, 3020, 3100";
  filter = {};
  filter.rule = last_rule;
  for (const auto& step : explained(filter).stretches.at(0).steps)
    EXPECT_TRUE(step.rule == last_rule || !step.matched.empty());
  EXPECT_GE(shown(filter), 1U);
}

TEST_F(Explained, a_difference_is_shown_whatever_the_filter_says_and_blames_another_version) {
  const auto at = text.rfind(R"("o":")") + 5;
  text[at] = text[at] == '0' ? '1' : '0';
  ExplainFilter nothing;
  nothing.around = parse_around("8");
  const auto explanation = explained(nothing);
  EXPECT_EQ(explanation.differences(), 1U);
  const auto out = explanation_text(explanation, false);
  EXPECT_THAT(out, HasSubstr("DIFFERS"));
  EXPECT_THAT(out, HasSubstr("1 of 20 steps differ"));
  EXPECT_THAT(out, HasSubstr("version 9.9.9"));
}

TEST_F(Explained, json_has_the_same_figures) {
  const auto value = boost::json::parse(explanation_json(explained()));
  EXPECT_EQ(value.at("api_version").as_string(), "v1");
  EXPECT_EQ(value.at("differences").to_number<int>(), 0);
  const auto& stretch = value.at("stretches").at(0);
  EXPECT_EQ(stretch.at("host").as_string(), "db1");
  EXPECT_EQ(stretch.at("inputs").to_number<int>(), 20);
  EXPECT_EQ(stretch.at("compared").to_number<int>(), 20);
  EXPECT_EQ(stretch.at("decisions").at(0).at("input").as_string(), "time passed");
  EXPECT_FALSE(stretch.at("decisions").at(0).at("starts").as_array().empty());
}

TEST(ParseAround, takes_epochs_times_and_moments_and_nothing_else) {
  EXPECT_EQ(parse_around("17")->epoch, 17U);
  EXPECT_EQ(parse_around("01:02:03.5")->time_of_day, milliseconds(3723500));
  EXPECT_EQ(wall_text(*parse_around("2026-01-31T12:00:00.250Z")->wall), "2026-01-31T12:00:00.250Z");
  for (const auto* text : {"", "x", "7x", "-7", "25:00:00", "12:60", "1:2", "2026-02-30T00:00:00Z", "2026-01-31",
                           "12:00:00.", "2026-01-31T12:00:00Zx"})
    EXPECT_FALSE(parse_around(text)) << text;
}

}  // namespace
}  // namespace gemel::cli
