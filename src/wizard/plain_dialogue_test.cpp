#include "wizard/plain_dialogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "site/site.h"
#include "wizard/form_check.h"
#include "wizard/site_writer.h"
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
    "\nlab\n\n\n\n"            // kind; site: name, managers, databases, balancers
    "10.77.0.0/24\n\n\n"       // network
    "10.77.0.100\n\n\n\n\n\n"  // database: address, IPv6, user, password, name, copies
    "\n"                       // who moves the floating address
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
  EXPECT_EQ(result.saved, 45);
  EXPECT_EQ(result.echo_changes, 2) << "off and on again around the password";
}

TEST(PlainDialogue, explains_refuses_and_asks_again) {
  Answers answers;
  const auto result = talk(answers, "\n?\nbad name\nlab\n");
  EXPECT_EQ(result.end, PlainDialogue::End::ended);
  EXPECT_THAT(result.shown, HasSubstr("Names the site in certificates"));
  EXPECT_THAT(result.shown, HasSubstr("Not taken: \"bad name\" is no name of a site"));
  EXPECT_EQ(answers.values, (std::map<std::string, std::string>{{"site.kind", "ha"}, {"site.name", "lab"}}));
}

TEST(PlainDialogue, goes_back_and_takes_another_answer) {
  Answers answers;
  talk(answers, "\nlab\n<\nother\n");
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

TEST(PlainDialogue, asks_for_the_kind_of_site_first_and_then_only_for_what_it_has) {
  Answers answers;
  const auto result = talk(answers,
                           "single\nstandalone\nlab\nmgmt.lab.test\n\n"  // site: name, DNS name, no balancer
                           "10.77.0.0/24\n\n"                            // network: no timers
                           "\n\n\n"                                      // database: user, password, name
                           "\n10.77.0.11\n\n\n"                          // manager
                           "\n10.77.0.21\n\n\n"                          // database
                           "\n\n"                                        // ports
                           "\n\n\n"                                      // certificates
                           "\n\n\n"                                      // ssh
                           "yes\n");
  EXPECT_EQ(result.end, PlainDialogue::End::agreed) << result.shown;
  EXPECT_THAT(result.shown, HasSubstr("one-host    Everything on one host (role CCM)\n"));
  EXPECT_THAT(result.shown, HasSubstr("Not taken: \"single\" is no choice."));
  for (const auto* text : {"DB IP or Hostname", "Least copies", "Moved by", "Secondary Node", "Timers"})
    EXPECT_THAT(result.shown, Not(HasSubstr(text)));
  EXPECT_TRUE(site::parse_site(write_site(answers).text, "site.toml").site->is_standalone());
}

TEST(PlainDialogue, a_site_that_runs_is_converted_by_who_agrees) {
  auto answers = test::standalone();
  answers.running = "standalone";
  talk(answers, std::string(60, '\n'));  // the defaults of all others
  auto refused = answers;
  const auto no = talk(refused, "site.kind\nha\nno\nstandalone\n");
  EXPECT_THAT(no.shown, HasSubstr("CCM_SA and MGMTPOSTGRES do not allow high availability"));
  EXPECT_THAT(no.shown, HasSubstr("gemel convert"));
  EXPECT_THAT(no.shown, HasSubstr("Not taken."));
  EXPECT_EQ(refused.values.at("site.kind"), "standalone");
  const auto compact = talk(refused, "site.kind\ncompact\n");
  EXPECT_THAT(compact.shown, HasSubstr("turns into \"ha\": answer one of these two"));
  const auto yes = talk(answers,
                        "site.kind\nha\nyes\n\n\n\n\n10.77.0.100\n\n\n\n"
                        "\n10.77.0.12\n");
  EXPECT_THAT(yes.shown, HasSubstr("Convert it? (yes/no)"));
  EXPECT_EQ(answers.values.at("site.kind"), "ha");
  EXPECT_EQ(answers.values.at("ha.primary_ip"), "10.77.0.11") << "the manager that runs stays";
}

}  // namespace
}  // namespace gemel::wizard
