// The table of the site file's keys against what the reader does with each of them.
#include "site/site_schema.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/text.h"
#include "site/address_keys.h"
#include "site/site.h"
#include "site/site_sample.h"
#include "site/toml_reader.h"

namespace gemel::site {
namespace {

/// "network.vip"; the keys of all hosts are one.
using KeyName = std::string;

struct Line {
  KeyName key;  // empty: no key stands there
  std::string text;
};

std::string text_of(const std::vector<Line>& lines) {
  std::string text;
  for (const auto& line : lines) text += line.text + "\n";
  return text;
}

/// The sample with everything in it that stands behind a #, but what `left_out` names ("aws" or "host.vip"); values
/// of keys as `values` has them.
std::vector<Line> complete_sample(const std::set<std::string>& left_out,
                                  const std::map<KeyName, std::string>& values = {}) {
  std::vector<Line> lines;
  std::string section;
  for (auto text : split(site_sample(), '\n')) {
    if (text.size() > 1 && text[0] == '#' && text[1] != ' ') text.erase(0, 1);
    if (text.starts_with('['))
      section = text.substr(text.find_last_of('[') + 1, text.find(']') - text.find_last_of('[') - 1);
    if (left_out.contains(section)) continue;
    const auto equals = text.find(" = ");
    if (text.empty() || text[0] == '#' || equals == std::string::npos) {
      lines.push_back({"", text});
      continue;
    }
    const auto key = section + "." + text.substr(0, equals);
    if (left_out.contains(key)) continue;
    if (const auto value = values.find(key); value != values.end())
      text = text.substr(0, equals) + " = " + value->second;
    lines.push_back({key, text});
  }
  return lines;
}

/// Both database hosts get an address that a cloud's translation leads to.
std::vector<Line> with_vip_of_hosts(std::vector<Line> lines) {
  for (auto line = lines.begin(); line != lines.end(); ++line) {
    if (!line->text.starts_with("name = \"db")) continue;
    line = lines.insert(std::next(line), {"host.vip", fmt::format("vip = \"10.0.0.20{}\"", line->text.substr(10, 1))});
  }
  return lines;
}

/// Without the hosts that are a database.
std::vector<Line> without_databases(std::vector<Line> lines) {
  std::vector<Line> kept;
  for (std::size_t at = 0; at < lines.size();) {
    auto end = at + 1;
    while (end < lines.size() && !lines[end].text.starts_with('[')) ++end;
    const auto is_database =
        std::any_of(lines.begin() + static_cast<std::ptrdiff_t>(at), lines.begin() + static_cast<std::ptrdiff_t>(end),
                    [](const Line& line) { return line.text.contains("\"MGMTPOSTGRES"); });
    for (; at < end; ++at)
      if (!is_database) kept.push_back(lines[at]);
  }
  return kept;
}

/// Sites that together have every key, each sound.
std::map<std::string, std::vector<Line>> sites() {
  const auto provider = [](std::string_view name) {
    return std::map<KeyName, std::string>{{"network.address_provider", fmt::format("\"{}\"", name)}};
  };
  /// The floating address is outside the hosts' networks.
  const auto far = [&](std::string_view name) {
    auto values = provider(name);
    values["network.vip"] = "\"192.0.2.9\"";
    return values;
  };
  const auto own = [](std::set<std::string> left_out, const std::map<KeyName, std::string>& values = {}) {
    for (const auto* key : {"endpoint", "ca", "password_file"}) left_out.insert(std::string("database.") + key);
    return complete_sample(left_out, values);
  };
  return {
      {"announcements", own({"aws", "openstack", "network.address_command", "host.vip"})},
      {"command", own({"aws", "openstack", "host.vip"}, provider("command"))},
      {"aws, routes",
       own({"openstack", "network.address_command", "host.vip", "aws.elastic_ip", "network.vip6"}, far("aws"))},
      {"aws, translated",
       with_vip_of_hosts(
           own({"openstack", "network.address_command", "host.vip", "aws.route_tables", "network.vip6"}, far("aws")))},
      {"openstack",
       with_vip_of_hosts(own({"aws", "network.address_command", "host.vip", "network.vip6"}, far("openstack")))},
      {"external",
       without_databases(complete_sample({"aws", "openstack", "network.vip", "network.vip6", "network.address_provider",
                                          "network.address_command", "network.service_targets",
                                          "network.client_addresses", "host.vip", "database.program_directory",
                                          "database.min_copies", "database.sync_standbys", "ports.postgres"}))},
  };
}

std::string said(const Messages& messages) {
  std::string all;
  for (const auto& message : messages) all += to_string(message) + "\n";
  return all;
}

std::map<KeyName, const SchemaKey*> table() {
  std::map<KeyName, const SchemaKey*> keys;
  for (const auto& section : site_schema())
    for (const auto& key : section.keys) keys[fmt::format("{}.{}", section.name, key.name)] = &key;
  return keys;
}

/// Every key of the table in a site that has it: its line there.
void for_every_key(const std::function<void(const KeyName&, const SchemaKey&, std::vector<Line>, std::size_t)>& look) {
  auto left = table();
  for (const auto& [name, lines] : sites()) {
    for (std::size_t at = 0; at < lines.size(); ++at) {
      const auto found = left.find(lines[at].key);
      if (found == left.end()) continue;
      SCOPED_TRACE(name + ": " + found->first);
      look(found->first, *found->second, lines, at);
      left.erase(found);
    }
  }
  for (const auto& [key, entry] : left) ADD_FAILURE() << key << " is in no site of this test";
}

/// Mistakes of the site with another value in one line; false when none of them is of that line.
bool is_refused(std::vector<Line> lines, std::size_t at, const std::string& value) {
  lines[at].text = lines[at].text.substr(0, lines[at].text.find('=') + 1) + " " + value;
  const auto mistakes = parse_site(text_of(lines), "site.toml").mistakes;
  return std::ranges::any_of(mistakes, [&](const Message& message) { return message.line == at + 1; });
}

TEST(SiteSample, is_a_site_without_mistake_or_warning) {
  const auto outcome = parse_site(site_sample(), "site.toml");
  ASSERT_TRUE(outcome.site) << said(outcome.mistakes);
  EXPECT_TRUE(outcome.warnings.empty()) << said(outcome.warnings);
  EXPECT_EQ(outcome.site->hosts.size(), 5U);
}

TEST(SiteSample, leaves_out_what_may_be_left_out) {
  Site standard;
  const auto site = *parse_site(site_sample(), "site.toml").site;
  EXPECT_EQ(site.database, standard.database);
  EXPECT_EQ(site.ports, standard.ports);
  EXPECT_EQ(site.interface, standard.interface);
  EXPECT_FALSE(site.own_certificate);
  EXPECT_FALSE(site.vip6);
}

TEST(SiteSchema, every_key_of_the_table_is_taken) {
  for (const auto& [name, lines] : sites()) {
    const auto outcome = parse_site(text_of(lines), "site.toml");
    EXPECT_TRUE(outcome.site) << name << "\n" << said(outcome.mistakes);
  }
  for_every_key([](const KeyName&, const SchemaKey&, const std::vector<Line>&, std::size_t) {});
}

TEST(SiteSchema, every_key_of_the_table_is_read) {
  for_every_key([](const KeyName&, const SchemaKey&, std::vector<Line> lines, std::size_t at) {
    EXPECT_TRUE(is_refused(lines, at, "1979-05-27")) << "no key is a date, and nobody noticed";
  });
}

TEST(SiteSchema, no_key_is_read_that_is_not_in_the_table) {
  // The reader itself ends the program then, so that every test that parses a site shows it.
  TomlReader reader("site.toml");
  const auto document = reader.parse("known = 1\nother = 2\n");
  TableView view{&*document, "the file", {1, 1}};
  EXPECT_EQ(reader.integer(view, "other", {1, 9}, Need::optional), 2);
  reader.refuse_unknown_keys(view, {"known"});
  EXPECT_EQ(reader.integer(view, "known", {1, 9}, Need::optional), 1);
  EXPECT_DEATH((void)reader.integer(view, "other", {1, 9}, Need::optional), "may_read");
  EXPECT_DEATH((void)reader.table(view, "absent", Need::optional), "may_read");
}

TEST(SiteSchema, what_is_required_is_missed) {
  for_every_key([](const KeyName& name, const SchemaKey& key, std::vector<Line> lines, std::size_t at) {
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at));
    const auto outcome = parse_site(text_of(lines), "site.toml");
    const bool is_missed = said(outcome.mistakes).contains(fmt::format("lacks \"{}\": add it", key.name));
    EXPECT_EQ(is_missed, key.is_required) << name << "\n" << said(outcome.mistakes);
  });
}

TEST(SiteSchema, a_standard_value_says_what_holds_without_it) {
  for_every_key([](const KeyName&, const SchemaKey& key, std::vector<Line> lines, std::size_t at) {
    const auto standard = standard_of(key);
    EXPECT_EQ(key.is_required, standard.value.empty() && standard.words.empty());
    if (standard.value.empty()) return;
    lines[at].text = fmt::format("{} = {}", key.name, standard.value);
    const auto with = parse_site(text_of(lines), "site.toml");
    lines[at].text.clear();
    const auto without = parse_site(text_of(lines), "site.toml");
    ASSERT_TRUE(with.site) << said(with.mistakes);
    ASSERT_EQ(with.site.has_value(), without.site.has_value()) << said(without.mistakes);
    for (const auto& host : with.site->hosts)
      EXPECT_EQ(to_toml(host_config(*with.site, "", host)), to_toml(host_config(*without.site, "", host)));
  });
}

TEST(SiteSchema, choices_and_ranges_are_the_readers_own) {
  for_every_key([](const KeyName&, const SchemaKey& key, std::vector<Line> lines, std::size_t at) {
    if (key.choices != nullptr) {
      EXPECT_TRUE(is_refused(lines, at, "\"nonsense\""));
      EXPECT_THAT(key.choices(), testing::Contains(example_of(key).substr(1, example_of(key).size() - 2)));
    }
    EXPECT_EQ(key.range.has_value(), key.kind == KeyKind::whole_number);
    if (!key.range) return;
    EXPECT_TRUE(is_refused(lines, at, std::to_string(key.range->lowest - 1)));
    EXPECT_TRUE(is_refused(lines, at, std::to_string(key.range->highest + 1)));
  });
}

TEST(SiteSchema, says_what_each_key_means_in_one_line) {
  for (const auto& [name, key] : table()) {
    EXPECT_FALSE(key->meaning.empty() || key->meaning.contains('\n') || key->meaning.ends_with('.')) << name;
    EXPECT_FALSE(example_of(*key).empty()) << name;
  }
}

}  // namespace
}  // namespace gemel::site
