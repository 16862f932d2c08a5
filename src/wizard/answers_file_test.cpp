#include "wizard/answers_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "base/text.h"
#include "wizard/form_check.h"
#include "wizard/test_answers.h"

namespace gemel::wizard {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(AnswersFile, a_draft_comes_back_without_the_password) {
  auto answers = test::five_hosts();
  answers.values["manager1.zone"] = "odd \"zone\" \\ with = signs";
  answers.kept = {{"timers.hb_ms", "40"}, {"network.service_targets", "[\"10.77.0.1\"]"}};
  const auto without = answers;
  answers.values[std::string(password_id)] = "mQ7-fK2_xW9pLr4TzB6vNc";
  const auto text = answers_text(answers);
  EXPECT_THAT(text, Not(HasSubstr("mQ7")));
  const auto read = read_draft(text, "draft");
  EXPECT_THAT(read.mistakes, IsEmpty());
  EXPECT_EQ(read.answers, without);
}

TEST(AnswersFile, takes_lists_and_numbers) {
  auto text = answers_text(test::five_hosts());
  const auto at = text.find("subnets = ");
  text.replace(at, text.find('\n', at) - at, "subnets = [\"10.77.0.0/24\", \"fd77::/64\"]");
  const auto read = read_answers(text + "\n[ssh]\nport = 2222\n", "answers.toml");
  EXPECT_THAT(read.mistakes, IsEmpty()) << join(read.mistakes, "\n");
  EXPECT_EQ(read.answers.values.at("network.subnets"), "10.77.0.0/24, fd77::/64");
  EXPECT_EQ(read.answers.values.at("ssh.port"), "2222");
}

TEST(AnswersFile, names_everything_that_is_wrong_at_once) {
  const std::string text =
      "colour = \"red\"\n"             // in no section
      "[site]\n"                       //
      "nam = \"lab\"\n"                // unknown
      "kind = true\n"                  // wrong type
      "databases = 12\n"               // out of range
      "[network]\n"                    //
      "subnets = \"10.77.0.0/24\"\n"   //
      "[database]\n"                   //
      "address = \"10.78.0.100\"\n"    // outside
      "password = \"cliqr\"\n"         // known default
      "[ha]\n"                         //
      "primary_ip = \"10.77.0.11\"\n"  //
      "[host1]\n"                      // not with this kind of site
      "address = \"10.77.0.1\"\n";
  const auto all = join(read_answers(text, "a.toml").mistakes, "\n");
  for (const auto* part :
       {"a.toml:1:1: \"colour\" stands in no section", "a.toml:3:1: there is no field \"site.nam\"",
        "Did you mean \"site.name\"?", "a.toml:4:8: \"site.kind\" must be",
        "a.toml:5:1: site.databases: ", "a.toml:9:1: database.address: ", "a.toml:10:1: database.password: ",
        "a.toml:14:1: there is no field \"host1.address\"",
        "\"ha.secondary_ip\" is missing (HA - Configure High Availability: Secondary Node Private IP)",
        "\"ha.dns_name\" is missing", "\"database1.address\" is missing", "\"balancer1.address\" is missing"})
    EXPECT_THAT(all, HasSubstr(part));
  EXPECT_THAT(all, Not(HasSubstr("\"database.address\" is missing")));
}

TEST(AnswersFile, an_unknown_kind_of_site_is_named_with_those_there_are) {
  auto text = answers_text(test::standalone());
  EXPECT_THAT(read_answers(text, "a.toml").mistakes, IsEmpty());
  text.replace(text.find("\"standalone\""), 12, "\"standalon\"");
  const auto mistakes = read_answers(text, "a.toml").mistakes;
  ASSERT_EQ(mistakes.size(), 1U) << "which fields there are nobody knows then: " << join(mistakes, "\n");
  const auto& all = mistakes.front();
  EXPECT_THAT(all, HasSubstr("a.toml:16:1: site.kind: \"standalon\" is no choice. Did you mean \"standalone\"?"));
  EXPECT_THAT(all, HasSubstr("Choices: ha, compact, standalone, one-host."));
}

TEST(AnswersFile, fields_of_another_kind_of_site_are_named) {
  const auto text = answers_text(test::one_host()) + "\n[ha2]\nx = 1\n[database]\naddress = \"10.77.0.100\"\n";
  EXPECT_THAT(join(read_answers(text, "a.toml").mistakes, "\n"),
              HasSubstr("there is no field \"database.address\" with these answers"));
}

TEST(AnswersFile, what_was_called_layout_is_still_understood) {
  auto text = answers_text(test::compact());
  text.replace(text.find("kind = "), 4, "layout");
  EXPECT_EQ(read_answers(text, "a.toml").answers, test::compact());
  EXPECT_THAT(read_answers(text, "a.toml").mistakes, IsEmpty());
  auto separate = answers_text(test::five_hosts());
  separate.insert(separate.find("[site]\n") + 7, "layout = \"separate\"\n");
  EXPECT_EQ(read_draft(separate, "d").answers.values.at("site.kind"), "ha");
}

TEST(AnswersFile, a_site_that_runs_is_not_converted_by_a_default) {
  const auto runs = [](const Answers&) { return std::string("standalone"); };
  const auto text = answers_text(test::five_hosts());
  EXPECT_THAT(join(read_answers(text, "a.toml", runs).mistakes, "\n"),
              HasSubstr("\"site.kind\" is missing (Kind of site: Kind): The site runs as \"standalone\" already"));
  auto answers = test::five_hosts();
  answers.values["site.kind"] = "ha";
  EXPECT_THAT(read_answers(answers_text(answers), "a.toml", runs).mistakes, IsEmpty());
  EXPECT_THAT(join(read_answers(answers_text(test::compact()), "a.toml", runs).mistakes, "\n"),
              HasSubstr("which \"gemel convert\" turns into \"ha\""));
}

TEST(AnswersFile, any_text_is_answered) {
  Random random(7);
  const std::string letters = "[]=\"'\n\\ab.1#{},\t\x01\xff";
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (auto length = random.below(60); length > 0; --length) text += letters[random.below(letters.size())];
    static_cast<void>(read_draft(text, "draft"));
    auto answers = test::five_hosts();
    answers.values["ha.dns_name"] = text;
    answers.kept["network.x"] = text;
    static_cast<void>(judge(answers));
  }
}

}  // namespace
}  // namespace gemel::wizard
