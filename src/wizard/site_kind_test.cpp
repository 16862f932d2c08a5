#include "wizard/site_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/test_sites.h"
#include "wizard/site_writer.h"
#include "wizard/test_answers.h"

namespace gemel::wizard {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(SiteKind, a_site_file_tells_its_kind) {
  const auto kind_in = [](const std::string& text) { return kind_of(answers_of_site(text, "site.toml").answers); };
  EXPECT_EQ(kind_in(site::test::good_site()), SiteKind::ha);
  EXPECT_EQ(kind_in(site::test::compact_site()), SiteKind::compact);
  EXPECT_EQ(kind_in(site::test::standalone_site()), SiteKind::standalone);
  EXPECT_EQ(kind_in(site::test::one_host_site()), SiteKind::one_host);
  EXPECT_EQ(kind_of(Answers{}), SiteKind::ha);
}

TEST(SiteKind, descriptions_fit_into_a_list) {
  for (const auto kind : site_kinds) {
    EXPECT_GT(description_of(kind).size(), 20U);
    EXPECT_LE(description_of(kind).size(), 70U) << word_of(kind);
  }
}

TEST(SiteKind, a_site_that_runs_stays_or_grows_and_nothing_else) {
  // Rows: what runs; columns: what is asked for, in the order of site_kinds.
  constexpr std::array<std::array<bool, 4>, 4> allowed{{{true, false, false, false},
                                                        {false, true, false, false},
                                                        {true, false, true, false},
                                                        {false, true, false, true}}};
  for (std::size_t runs = 0; runs < site_kinds.size(); ++runs) {
    for (std::size_t asked = 0; asked < site_kinds.size(); ++asked) {
      Answers answers;
      answers.running = word_of(site_kinds[runs]);
      const std::string word(word_of(site_kinds[asked]));
      EXPECT_EQ(why_not_kind(answers, word).empty(), allowed[runs][asked]) << answers.running << " to " << word;
      answers.values[std::string(kind_id)] = word;
      EXPECT_EQ(is_conversion(answers), allowed[runs][asked] && runs != asked) << answers.running << " to " << word;
    }
  }
  EXPECT_THAT(why_not_kind({}, "standalone"), IsEmpty());
  EXPECT_FALSE(is_conversion(test::five_hosts()));
}

TEST(SiteKind, a_conversion_says_what_it_means_and_how_it_is_done_by_hand) {
  auto answers = test::compact();
  answers.running = "one-host";
  const auto text = conversion_text(answers, "gemel convert /x/site.toml");
  EXPECT_THAT(text, HasSubstr("The role CCM does not allow high availability"));
  EXPECT_THAT(text, HasSubstr("no way back"));
  EXPECT_THAT(text, HasSubstr("\n  gemel convert /x/site.toml\n"));
}

TEST(SiteKind, what_a_standalone_site_was_asked_is_kept_when_it_grows) {
  auto answers = answers_of_site(site::test::standalone_site(), "site.toml").answers;
  answers.values[std::string(kind_id)] = "ha";
  const auto text = write_site(answers).text;
  EXPECT_THAT(text, HasSubstr("name = \"ccm1\"\nrole = \"CCM_SA_PRIMARY\"\naddress = \"10.77.0.11\""));
  EXPECT_THAT(text, HasSubstr("name = \"db1\"\nrole = \"MGMTPOSTGRES_MASTER\"\naddress = \"10.77.0.21\""));
  EXPECT_FALSE(answers.values.contains("database.address")) << "that is new, and must be asked for";
  EXPECT_THAT(text, Not(HasSubstr("CCM_SA\"")));
}

}  // namespace
}  // namespace gemel::wizard
