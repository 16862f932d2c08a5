// The forms of the site file's table, and the handbook's page. Run in the root of the source.
#include "cli/schema_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "site/site_schema.h"

namespace gemel::cli {
namespace {

using ::testing::HasSubstr;

TEST(SchemaText, is_what_the_document_shows) {
  std::ifstream file("docs/handbook/site-file.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == schema_markdown())
      << "docs/handbook/site-file.md is old: gemel schema --markdown >docs/handbook/site-file.md";
}

TEST(SchemaText, every_key_is_in_every_form) {
  const auto document = boost::json::parse(schema_json());
  const auto& sections = document.at("sections").as_array();
  ASSERT_EQ(sections.size(), site::site_schema().size());
  const auto table = schema_table(true, false);
  for (std::size_t at = 0; at < sections.size(); ++at) {
    const auto& section = site::site_schema()[at];
    EXPECT_THAT(table, HasSubstr(section.heading()));
    const auto& keys = sections[at].at("keys").as_array();
    ASSERT_EQ(keys.size(), section.keys.size());
    for (std::size_t key = 0; key < keys.size(); ++key) {
      EXPECT_EQ(keys[key].at("name").as_string(), section.keys[key].name);
      EXPECT_THAT(table, HasSubstr(std::string(section.keys[key].meaning)));
      EXPECT_THAT(schema_markdown(), HasSubstr("| `" + std::string(section.keys[key].name) + "` |"));
    }
  }
}

TEST(SchemaText, values_have_their_type_in_json) {
  const auto document = boost::json::parse(schema_json());
  const auto key = [&](std::string_view section, std::string_view name) -> boost::json::object {
    for (const auto& one : document.at("sections").as_array())
      for (const auto& entry : one.at("keys").as_array())
        if (one.at("name").as_string() == section && entry.at("name").as_string() == name) return entry.as_object();
    ADD_FAILURE() << section << "." << name;
    return {};
  };
  EXPECT_EQ(key("ports", "https").at("standard").as_int64(), 443);
  EXPECT_EQ(key("ports", "https").at("highest").as_int64(), 65535);
  EXPECT_EQ(key("timers", "lease_ms").at("unit").as_string(), "ms");
  EXPECT_EQ(key("database", "user").at("standard").as_string(), "cliqr");
  EXPECT_TRUE(key("network", "subnets").at("example").is_array());
  EXPECT_TRUE(key("network", "vip").at("standard").is_null());
  EXPECT_TRUE(key("site", "name").at("is_required").as_bool());
  EXPECT_EQ(key("timers", "profile").at("choices"), (boost::json::array{"standard", "fast"}));
}

}  // namespace
}  // namespace gemel::cli
