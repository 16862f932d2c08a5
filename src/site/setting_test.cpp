#include "site/setting.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "site/site.h"
#include "site/site_sample.h"
#include "site/test_sites.h"

namespace gemel::site {
namespace {

using testing::HasSubstr;

std::string value_of(const std::string& text) {
  const auto setting = parse_setting(text);
  return setting ? setting->value : setting.error().to_string();
}

ErrorCode code_of(const std::string& text) {
  const auto setting = parse_setting(text);
  EXPECT_FALSE(setting) << text;
  return setting ? ErrorCode::corrupt : setting.error().code;
}

std::string set(const std::string& text, const std::string& setting) {
  const auto parsed = parse_setting(setting);
  if (!parsed) return parsed.error().to_string();
  const auto result = with_setting(text, *parsed);
  return result ? *result : result.error().to_string();
}

TEST(Setting, takes_values_as_people_type_them) {
  EXPECT_EQ(value_of("database.min_copies=2"), "2");
  EXPECT_EQ(value_of(" database.min_copies = 2 "), "2");
  EXPECT_EQ(value_of("aws.region=eu-central-1"), "\"eu-central-1\"");
  EXPECT_EQ(value_of("aws.region=\"eu-central-1\""), "\"eu-central-1\"");
  EXPECT_EQ(value_of("network.service_targets=10.0.0.1, 10.0.0.2"), "[\"10.0.0.1\", \"10.0.0.2\"]");
  EXPECT_EQ(value_of("network.service_targets=[]"), "[]");
  EXPECT_EQ(value_of("certificates.key=/etc/a=b.key"), "\"/etc/a=b.key\"");
}

TEST(Setting, refuses_values_of_another_kind_and_what_would_be_more_than_a_value) {
  for (const std::string text : {"database.min_copies=two", "database.min_copies=", "database.min_copies=\"2\"",
                                 "database.min_copies=2\nuser = 3", "aws.region=a\"\nvip = \"b",
                                 "network.service_targets=[1", "database.min_copies", "database.min_copis=2", "=2"})
    EXPECT_EQ(code_of(text), ErrorCode::invalid) << text;
  EXPECT_THAT(value_of("database.min_copis=2"), HasSubstr("Did you mean \"database.min_copies\"?"));
}

TEST(Setting, refuses_what_a_running_site_cannot_change_and_names_the_verb_that_can) {
  const auto said = [](const std::string& text) {
    EXPECT_EQ(code_of(text), ErrorCode::refused);
    return value_of(text);
  };
  EXPECT_THAT(said("site.name=other"), HasSubstr("gemel destroy"));
  EXPECT_THAT(said("host.role=ALL"), HasSubstr("gemel convert"));
  EXPECT_THAT(said("host.db1.address=10.0.0.1"), HasSubstr("gemel replace-host"));
  EXPECT_THAT(said("network.vip=10.0.0.1"), HasSubstr("gemel convert"));
  EXPECT_THAT(said("database.user=other"), HasSubstr("gemel rotate password"));
  EXPECT_THAT(said("timers.lease_ms=600"), HasSubstr("timers.md"));
  EXPECT_THAT(said("ports.agent=7500"), HasSubstr("before the site is set up"));
  EXPECT_THAT(said("site.dns_name=other.example.org"), HasSubstr("gemel plan"));
}

TEST(Setting, is_of_a_key_of_the_table) {
  std::set<std::string> known;
  for (const auto& section : site_schema())
    for (const auto& key : section.keys) known.insert(fmt::format("{}.{}", section.name, key.name));
  for (const auto& key : settable_keys()) EXPECT_TRUE(known.contains(key)) << key;
  for (const auto& key : known) {
    const auto setting = parse_setting(key + "=1");
    const auto keys = settable_keys();
    const bool is_settable = std::ranges::find(keys, key) != keys.end();
    EXPECT_EQ(!setting && setting.error().code == ErrorCode::refused, !is_settable) << key;
  }
}

TEST(SettingInFile, changes_the_value_and_nothing_else) {
  const std::string text =
      "# \xc3\xbc\xc3\xa4: a comment\n[database]\n  min_copies   =   1   # one \xe2\x80\x94 alone\n"
      "user = \"min_copies = 1\"\n\n\n[site]\nname = \"x\"";
  EXPECT_EQ(set(text, "database.min_copies=2"),
            "# \xc3\xbc\xc3\xa4: a comment\n[database]\n  min_copies   =   2   # one \xe2\x80\x94 alone\n"
            "user = \"min_copies = 1\"\n\n\n[site]\nname = \"x\"");
}

TEST(SettingInFile, counts_letters_and_bytes_apart) {
  EXPECT_EQ(set("[certificates]\ncertificate = \"\xc3\xbc\xe2\x80\x94.pem\" # \xc3\xbc\n",
                "certificates.certificate=\xc3\xa4.pem"),
            "[certificates]\ncertificate = \"\xc3\xa4.pem\" # \xc3\xbc\n");
}

TEST(SettingInFile, changes_a_list_of_several_lines_and_keeps_the_ends_of_lines) {
  EXPECT_EQ(
      set("[network]\r\nservice_targets = [\r\n  \"10.0.0.1\", # a\r\n  \"10.0.0.2\"\r\n] # all\r\nvip = \"a\"\r\n",
          "network.service_targets=10.0.0.3"),
      "[network]\r\nservice_targets = [\"10.0.0.3\"] # all\r\nvip = \"a\"\r\n");
}

TEST(SettingInFile, adds_a_key_at_the_end_of_its_section_and_a_section_at_the_end_of_the_file) {
  EXPECT_EQ(set("[database]\nuser = \"a\" # who\n\n# The hosts.\n[[host]]\nname = \"b\"\n", "database.min_copies=2"),
            "[database]\nuser = \"a\" # who\nmin_copies = 2\n\n# The hosts.\n[[host]]\nname = \"b\"\n");
  EXPECT_EQ(set("[database] # empty\n[[host]]\nname = \"b\"", "database.min_copies=2"),
            "[database] # empty\nmin_copies = 2\n[[host]]\nname = \"b\"");
  EXPECT_EQ(set("[[host]]\nname = \"b\"", "database.min_copies=2"),
            "[[host]]\nname = \"b\"\n\n[database]\nmin_copies = 2\n");
}

TEST(SettingInFile, that_leaves_no_place_is_not_touched) {
  EXPECT_THAT(set("database = { user = \"a\" }\n", "database.min_copies=2"), HasSubstr("leaves no place"));
  EXPECT_THAT(set("database = 7\n", "database.min_copies=2"), HasSubstr("leaves no place"));
  EXPECT_THAT(set("[database\n", "database.min_copies=2"), HasSubstr("not TOML"));
}

TEST(SettingInFile, makes_a_sound_site_of_a_sound_one) {
  for (const auto& text : {site_sample(), test::good_site()}) {
    const auto changed = set(text, "database.min_copies=2");
    const auto parsed = parse_site(changed, "site.toml");
    ASSERT_TRUE(parsed.site) << changed;
    EXPECT_EQ(parsed.site->min_copies, 2U);
    EXPECT_EQ(set(changed, "database.min_copies=2"), changed);
    auto site = *parsed.site;
    site.min_copies = 1;
    const auto before = *parse_site(text, "site.toml").site;
    EXPECT_EQ(to_toml(host_config(site, "", site.hosts[0])), to_toml(host_config(before, "", before.hosts[0])));
  }
}

}  // namespace
}  // namespace gemel::site
