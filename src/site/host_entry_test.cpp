#include "site/host_entry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/test_facts.h"
#include "site/test_sites.h"

namespace gemel::site {
namespace {

using testing::HasSubstr;

const NewHost ccm3{"ccm3", "CCM_SA_SECONDARY", "10.77.0.13", "fd77::13", "b", ""};
const NewHost db3{"db3", "MGMTPOSTGRES_SLAVE", "10.77.0.23", "fd77::23", "", ""};

Site site_of(const std::string& text) {
  auto parsed = parse_site(text, "site.toml");
  EXPECT_TRUE(parsed.site) << (parsed.mistakes.empty() ? "" : parsed.mistakes.front().text);
  return parsed.site.value_or(Site{});
}

std::string with(const std::string& text, const NewHost& host) {
  const auto result = with_host(text, host);
  return result ? *result : result.error().to_string();
}

std::string without(const std::string& text, const std::string& name) {
  const auto result = without_host(text, name);
  return result ? *result : result.error().to_string();
}

TEST(HostEntry, a_host_comes_behind_the_last_one_and_everything_else_stays) {
  const std::string tail = "\n# Not too fast.\n[timers]\nprofile = \"standard\"\n";
  const std::string comment = "# in the cellar\n";
  const auto text = with(test::good_site() + comment + tail, ccm3);
  EXPECT_EQ(text, test::good_site() + comment +
                      "\n[[host]]\nname = \"ccm3\"\nrole = \"CCM_SA_SECONDARY\"\naddress = \"10.77.0.13\"\n"
                      "address6 = \"fd77::13\"\nzone = \"b\"\n" +
                      tail);
  const auto site = site_of(text);
  ASSERT_EQ(site.hosts.size(), 6U);
  EXPECT_EQ(site.hosts.back().name, "ccm3");
  EXPECT_FALSE(site.hosts.back().concepts.voter);
}

TEST(HostEntry, a_comment_that_belongs_to_the_next_section_stays_with_it) {
  const auto text = with(test::good_site() + "# Not too fast.\n[timers]\nprofile = \"standard\"\n", db3);
  EXPECT_THAT(text, HasSubstr("fd77::23\"\n# Not too fast.\n[timers]\n"));
}

TEST(HostEntry, the_last_line_needs_no_end) {
  auto text = test::good_site();
  text.pop_back();
  EXPECT_EQ(site_of(with(text, db3)).hosts.size(), 6U);
}

TEST(HostEntry, taking_a_host_out_undoes_putting_it_in) {
  for (const auto& text : {test::good_site(), test::good_site() + "# end\n",
                           test::good_site() + "\n# Not too fast.\n[timers]\nprofile = \"standard\"\n"})
    EXPECT_EQ(without(with(text, ccm3), "ccm3"), text);
}

TEST(HostEntry, only_the_one_host_goes_and_comments_stay) {
  const std::string before = "\n# the standby\n";
  const auto text = test::head + test::host("a", "CCM_LB", "1") + before + test::host("b", "CCM_LB", "2").substr(1) +
                    "# was bought in May\n" + test::host("c", "CCM_LB", "3");
  EXPECT_EQ(without(text, "b"), test::head + test::host("a", "CCM_LB", "1") + before + "# was bought in May\n" +
                                    test::host("c", "CCM_LB", "3"));
  EXPECT_EQ(without_host(text, "d").error().code, ErrorCode::not_found);
}

TEST(HostEntry, letters_that_are_more_than_a_byte_do_not_shift_the_place) {
  const auto text = test::head + test::host("a", "CCM_LB", "1", "Zürich – Süd") + test::host("b", "CCM_LB", "2");
  EXPECT_EQ(without(text, "b"), test::head + test::host("a", "CCM_LB", "1", "Zürich – Süd"));
}

TEST(HostEntry, a_file_in_another_style_and_a_value_that_would_be_more_are_refused) {
  const auto inlined = test::head + "[[host]]\nname = \"a\"\n";
  auto evil = ccm3;
  evil.zone = "b\"\nvip = \"10.0.0.1";
  EXPECT_EQ(with_host(inlined, evil).error().code, ErrorCode::invalid);
  evil.zone = "b\\";
  EXPECT_EQ(with_host(inlined, evil).error().code, ErrorCode::invalid);
  for (const auto& text : {std::string("host = [{name = \"a\"}]\n"), std::string("host = []\n"),
                           std::string("[site]\n"), std::string("[[host\n"), std::string("host = 3\n")}) {
    EXPECT_EQ(with_host(text, ccm3).error().code, ErrorCode::invalid) << text;
    EXPECT_EQ(without_host(text, "a").error().code, ErrorCode::invalid) << text;
  }
}

TEST(HostEntry, the_same_host_again_is_no_difference_and_any_other_value_is_one) {
  const auto site = site_of(with(test::good_site(), ccm3));
  EXPECT_EQ(difference_of(site, ccm3), "");
  for (const auto value : {&NewHost::role, &NewHost::address, &NewHost::address6, &NewHost::zone, &NewHost::vip}) {
    auto other = ccm3;
    other.*value = "x";
    EXPECT_THAT(difference_of(site, other), HasSubstr("instead of \"x\""));
  }
}

TEST(HostEntry, only_further_managers_and_standbys_come_to_a_running_site) {
  const auto site = site_of(test::good_site());
  EXPECT_EQ(why_no_host_is_added(site, "CCM_SA_SECONDARY"), "");
  EXPECT_EQ(why_no_host_is_added(site, "MGMTPOSTGRES_SLAVE"), "");
  EXPECT_EQ(why_no_host_is_added(site, "CCM_SA_SECONDRY"), "") << "parse_site() says that there is none";
  EXPECT_THAT(why_no_host_is_added(site, "CCM_LB"), HasSubstr("further load balancer"));
  EXPECT_THAT(why_no_host_is_added(site, "MGMTPOSTGRES_MASTER"), HasSubstr("MGMTPOSTGRES_SLAVE"));
  EXPECT_THAT(why_no_host_is_added(site, "CCM_SA_PRIMARY"), HasSubstr("CCM_SA_SECONDARY"));
  for (const auto* role : {"ALL", "CCM", "CCM_SA", "MGMTPOSTGRES"})
    EXPECT_THAT(why_no_host_is_added(site, role), HasSubstr("no role of a further host")) << role;
  EXPECT_THAT(why_no_host_is_added(site_of(test::standalone_site()), "CCM_SA_SECONDARY"), HasSubstr("gemel convert"));
  EXPECT_THAT(why_no_host_is_added(site_of(test::compact_site()), "ALL"), HasSubstr("compact"));
}

TEST(HostEntry, what_a_site_needs_or_votes_with_stays) {
  const auto site = site_of(with(with(test::good_site(), ccm3), db3));
  const auto why = [](const Site& of, const std::string& name) { return why_host_stays(of, nullptr, name); };
  EXPECT_EQ(why(site, "ccm3"), "");
  EXPECT_EQ(why(site, "db3"), "");
  EXPECT_EQ(why(site, "db2"), "") << "another standby is there";
  EXPECT_THAT(why(site, "ccm2"), HasSubstr("has a vote"));
  for (const auto* name : {"ccm1", "db1"}) EXPECT_THAT(why(site, name), HasSubstr("gemel replace-host")) << name;
  const auto balancers = site_of(test::good_site() + test::host("lb2", "CCM_LB", "32"));
  for (const auto* name : {"lb1", "lb2"})
    EXPECT_THAT(why(balancers, name), HasSubstr("users may come through")) << name;
  EXPECT_THAT(why(site_of(test::compact_site()), "one"), HasSubstr("gemel destroy"));
  EXPECT_THAT(why(site_of(test::standalone_site()), "db1"), HasSubstr("gemel destroy"));
}

TEST(HostEntry, a_host_that_the_file_names_elsewhere_stays_until_it_does_not) {
  const auto text = with(test::good_site(), ccm3);
  const auto rest = site_of(test::good_site());
  EXPECT_EQ(why_host_stays(site_of(text), &rest, "ccm3"), "") << "without the key the list shrinks by itself";
  const auto named = [](std::string from, const std::string& key) {
    return from.replace(from.find("vip ="), 0, key + " = [\"10.77.0.11\", \"10.77.0.13\"]\n");
  };
  for (const std::string key : {"service_targets", "client_addresses"}) {
    const auto left = site_of(named(test::good_site(), key));
    EXPECT_THAT(why_host_stays(site_of(named(text, key)), &left, "ccm3"), HasSubstr("gemel set network." + key));
  }
}

TEST(HostEntry, a_vote_that_would_pass_to_another_host_is_seen) {
  const auto site = site_of(test::good_site());
  EXPECT_EQ(changed_vote(site, site_of(with(test::good_site(), ccm3))), "");
  const auto first = test::head + test::host("ccm0", "CCM_SA_SECONDARY", "10") + test::five_hosts();
  EXPECT_EQ(changed_vote(site, site_of(first)), "ccm2");
}

/// The other hosts as they are before and after ccm3 left; what plan() finds are their files.
class Leaving : public testing::Test {
 protected:
  Leaving() {
    const auto former_site = site_of(with(test::good_site(), ccm3));
    former = test::done_input(former_site).manifest;
    for (auto& [name, files] : former.hosts)
      for (auto& file : files)
        if (file.path == "/etc/gemel/host.toml") file.sha256 = "with ccm3 " + name;
    for (auto& [name, facts] : input.facts) facts.files["/etc/gemel/host.toml"].sha256 = "with ccm3 " + name;
    input.leaving = "ccm3";
  }
  [[nodiscard]] std::string what_else() const { return what_else_changes(make_plan(input), input.facts, former); }
  PlanInput input = test::done_input(site_of(test::good_site()));
  Manifest former;
};

TEST_F(Leaving, changes_nothing_but_who_the_hosts_are) {
  ASSERT_FALSE(make_plan(input).steps.empty());
  EXPECT_EQ(what_else(), "");
  // As after an interruption: some hosts are done.
  for (const auto* name : {"db1", "db2"})
    input.facts[name].files["/etc/gemel/host.toml"].sha256 =
        test::done_input(input.site).facts[name].files["/etc/gemel/host.toml"].sha256;
  EXPECT_EQ(what_else(), "");
}

TEST_F(Leaving, what_was_not_applied_before_is_not_slipped_in) {
  auto before = input;
  input.facts["db1"].files["/etc/gemel/host.toml"].sha256 = "of last week";
  EXPECT_THAT(what_else(), HasSubstr("db1"));
  input = before;
  input.facts["ccm1"].files["/etc/gemel/pki/web.key"].sha256 = "old";
  EXPECT_THAT(what_else(), HasSubstr("ccm1"));
  input = before;
  for (auto& package : input.packages) package.version = "1.1";
  EXPECT_NE(what_else(), "");
  input = before;
  input.facts["db2"].running_units.erase(std::string(agent_unit));
  EXPECT_THAT(what_else(), HasSubstr("db2"));
}

}  // namespace
}  // namespace gemel::site
