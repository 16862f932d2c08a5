#include "wizard/plain_dialogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "wizard/form_check.h"
#include "wizard/test_answers.h"

namespace gemel::wizard {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Talk {
  PlainDialogue::End end;
  std::string shown;
  int saved = 0;
  int echo_changes = 0;
};

Talk talk(Answers& answers, const std::string& typed) {
  std::istringstream in(typed);
  std::ostringstream out;
  Talk result{PlainDialogue::End::ended, "", 0, 0};
  PlainDialogue dialogue(&in, &out, {[&](const Answers&) { ++result.saved; }, [&](bool) { ++result.echo_changes; }});
  result.end = dialogue.fill_in(answers);
  result.shown = out.str();
  return result;
}

/// Every field of a site of five hosts; Enter where the default fits.
const std::string all_answers =
    "lab\n\n\n\n\n"            // site: name, layout, managers, databases, balancers
    "10.77.0.0/24\n\n\n"       // network
    "10.77.0.100\n\n\n\n\n\n"  // database: address, IPv6, user, password, name, copies
    "10.77.0.11\n10.77.0.12\nmgmt.lab.test\n"
    "\n\na\n"
    "\n\nb\n"  // managers: name, IPv6, zone
    "\n10.77.0.21\n\na\n"
    "\n10.77.0.22\n\nb\n"
    "\n10.77.0.31\n\n\n"
    "\n\n\n"   // balancer
    "\n\n\n"   // certificates
    "\n\n\n";  // ssh

TEST(PlainDialogue, asks_for_everything_and_makes_a_site) {
  Answers answers;
  const auto result = talk(answers, all_answers + "yes\n");
  EXPECT_EQ(result.end, PlainDialogue::End::agreed) << result.shown;
  EXPECT_THAT(judge(answers).mistakes, IsEmpty());
  EXPECT_EQ(answers.values.at("manager2.name"), "ccm2");
  EXPECT_EQ(answers.values.at("database2.zone"), "b");
  EXPECT_THAT(result.shown, HasSubstr("Mgmtserver DNS Name"));
  EXPECT_EQ(result.saved, 44);
  EXPECT_EQ(result.echo_changes, 2) << "off and on again around the password";
}

TEST(PlainDialogue, explains_refuses_and_asks_again) {
  Answers answers;
  const auto result = talk(answers, "?\nbad name\nlab\n");
  EXPECT_EQ(result.end, PlainDialogue::End::ended);
  EXPECT_THAT(result.shown, HasSubstr("Names the site in certificates"));
  EXPECT_THAT(result.shown, HasSubstr("Not taken: \"bad name\" is no name of a site"));
  EXPECT_EQ(answers.values, (std::map<std::string, std::string>{{"site.name", "lab"}}));
}

TEST(PlainDialogue, goes_back_and_takes_another_answer) {
  Answers answers;
  talk(answers, "lab\n<\nother\n");
  EXPECT_EQ(answers.values.at("site.name"), "other");
}

TEST(PlainDialogue, goes_on_where_it_stopped_and_at_every_place) {
  const auto lines = static_cast<std::size_t>(std::count(all_answers.begin(), all_answers.end(), '\n'));
  for (std::size_t stop = 0; stop <= lines; ++stop) {
    Answers answers;
    std::size_t at = 0;
    for (std::size_t i = 0; i < stop; ++i) at = all_answers.find('\n', at) + 1;
    EXPECT_EQ(talk(answers, all_answers.substr(0, at)).end, PlainDialogue::End::ended);
    EXPECT_EQ(answers.values.size(), stop);
    const auto rest = talk(answers, all_answers.substr(at) + "yes\n");
    ASSERT_EQ(rest.end, PlainDialogue::End::agreed) << stop << rest.shown;
  }
}

TEST(PlainDialogue, what_does_not_fit_together_is_said_and_asked_again) {
  auto answers = test::five_hosts();
  talk(answers, std::string(60, '\n'));  // the defaults of all others
  answers.values["network.subnets"] = "10.99.0.0/24";
  const auto result = talk(answers, "");
  EXPECT_THAT(result.shown, HasSubstr("This does not fit together yet:"));
  EXPECT_THAT(result.shown, HasSubstr("DB - Configure Database: DB IP or Hostname: 10.77.0.100 is outside"));
  EXPECT_THAT(result.shown, testing::EndsWith("DB IP or Hostname [10.77.0.100]: "));
}

TEST(PlainDialogue, one_field_can_be_changed_at_the_summary) {
  Answers answers;
  const auto result = talk(answers, all_answers + "ha.dns_nam\nha.dns_name\nother.lab.test\nyes\n");
  EXPECT_EQ(result.end, PlainDialogue::End::agreed);
  EXPECT_EQ(answers.values.at("ha.dns_name"), "other.lab.test");
  EXPECT_THAT(result.shown, HasSubstr("There is no field \"ha.dns_nam\""));
}

TEST(PlainDialogue, a_minus_empties_what_may_be_empty) {
  auto answers = test::five_hosts();
  talk(answers, std::string(60, '\n'));
  answers.values["manager1.zone"] = "a";
  talk(answers, "manager1.zone\n-\n");
  EXPECT_EQ(answers.values.at("manager1.zone"), "");
}

TEST(PlainDialogue, the_password_is_not_shown) {
  Answers answers;
  auto typed = all_answers;
  const auto address = typed.find("10.77.0.100\n") + 12;
  typed.replace(address, 3, "\n\nmQ7-fK2_xW9pLr4TzB6vNc\n");
  const auto result = talk(answers, typed + "yes\n");
  EXPECT_EQ(result.end, PlainDialogue::End::agreed) << result.shown;
  EXPECT_EQ(answers.values.at(std::string(password_id)), "mQ7-fK2_xW9pLr4TzB6vNc");
  EXPECT_THAT(result.shown, Not(HasSubstr("mQ7")));
}

}  // namespace
}  // namespace gemel::wizard
