#include "site/site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "base/text.h"
#include "site/test_sites.h"
#include "site/timer_profile.h"

namespace gemel::site {
namespace {

using test::good_site;
using test::host;

struct Place {
  unsigned line;
  unsigned column;
  MistakeCode code;
  bool operator==(const Place&) const = default;
};

void PrintTo(const Place& place, std::ostream* out) {
  *out << place.line << ":" << place.column << " code " << static_cast<int>(place.code);
}

std::vector<Place> places(const Messages& messages) {
  std::vector<Place> list;
  for (const auto& message : messages) list.push_back({message.line, message.column, message.code});
  return list;
}

std::string texts(const Messages& messages) {
  std::string all;
  for (const auto& message : messages) all += to_string(message) + "\n";
  return all;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

/// The only mistake of the good site after one change.
Message only_mistake(const std::string& from, const std::string& to) {
  const auto outcome = parse_site(replaced(good_site(), from, to), "site.toml");
  EXPECT_FALSE(outcome.site);
  EXPECT_EQ(outcome.mistakes.size(), 1U) << texts(outcome.mistakes);
  return outcome.mistakes.empty() ? Message{} : outcome.mistakes.front();
}

TEST(Site, takes_a_timer_profile_and_single_values_over_it) {
  using std::chrono::milliseconds;
  const auto timers_of = [](const std::string& section) {
    const auto outcome = parse_site(good_site() + section, "site.toml");
    EXPECT_TRUE(outcome.site) << texts(outcome.mistakes);
    return outcome.site ? outcome.site->timers : core::Timers{};
  };
  EXPECT_EQ(timers_of("[timers]\nprofile = \"standard\"\n").grace, core::Timers{}.grace);
  const auto fast = timers_of("[timers]\nprofile = \"fast\"\n");
  EXPECT_EQ(fast.hb, milliseconds(20));
  EXPECT_EQ(fast.suspect, milliseconds(160));
  EXPECT_EQ(fast.lease, milliseconds(200));
  EXPECT_EQ(fast.grace, milliseconds(290));
  EXPECT_EQ(fast.stop, core::Timers{}.stop) << "PostgreSQL does not stop faster on a faster network";
  const auto mixed = timers_of("[timers]\ngrace_ms = 320\nprofile = \"fast\"\n");
  EXPECT_EQ(mixed.grace, milliseconds(320)) << "whatever comes first in the file";
  EXPECT_EQ(mixed.lease, milliseconds(200));
}

TEST(Site, refuses_an_unknown_profile_and_values_that_break_a_profile) {
  const auto mistakes_of = [](const std::string& section) {
    return parse_site(good_site() + section, "site.toml").mistakes;
  };
  const auto unknown = mistakes_of("[timers]\nprofile = \"fats\"\n");
  ASSERT_EQ(unknown.size(), 1U) << texts(unknown);
  EXPECT_EQ(unknown[0].column, 11U);
  EXPECT_THAT(unknown[0].text, testing::HasSubstr("Did you mean \"fast\"?"));
  // Sound with the standard lease of 500 ms, and above it; not with a grace of 290 ms.
  const auto broken = mistakes_of("[timers]\nprofile = \"fast\"\nlease_ms = 250\n");
  ASSERT_EQ(broken.size(), 1U) << texts(broken);
  EXPECT_EQ(broken[0].code, MistakeCode::timers);
  EXPECT_THAT(broken[0].text, testing::HasSubstr("two primaries could serve"));
  EXPECT_EQ(mistakes_of("[timers]\nprofile = 7\n").at(0).code, MistakeCode::wrong_type);
}

TEST(TimerProfiles, are_sound) {
  for (const auto& profile : timer_profiles)
    EXPECT_THAT(core::check_timers(profile.timers), testing::IsEmpty()) << profile.name;
}

TEST(Site, reads_a_good_file) {
  const auto outcome = parse_site(good_site(), "site.toml");
  ASSERT_TRUE(outcome.site) << texts(outcome.mistakes);
  EXPECT_TRUE(outcome.warnings.empty()) << texts(outcome.warnings);
  const auto& site = *outcome.site;
  EXPECT_EQ(site.name, "lab");
  EXPECT_EQ(site.vip, (FloatingAddress{"10.77.0.100", 24}));
  EXPECT_EQ(site.vip6, (FloatingAddress{"fd77::100", 64}));
  ASSERT_EQ(site.hosts.size(), 5U);
  EXPECT_EQ(site.hosts[0].concepts, (Concepts{.manager = true, .voter = true}));
  EXPECT_EQ(site.hosts[1].concepts, (Concepts{.manager = true, .voter = true}));
  EXPECT_EQ(site.hosts[2].concepts, (Concepts{.database = true}));
  EXPECT_EQ(site.hosts[3].concepts, (Concepts{.database = true}));
  EXPECT_EQ(site.hosts[4].concepts, (Concepts{.balancer = true, .voter = true}));
}

TEST(Site, second_balancer_has_no_vote) {
  const auto outcome = parse_site(good_site() + host("lb2", "CCM_LB", "32"), "site.toml");
  ASSERT_TRUE(outcome.site) << texts(outcome.mistakes);
  EXPECT_FALSE(outcome.site->hosts.back().concepts.voter);
}

TEST(Site, ten_mistakes_give_ten_messages) {
  const std::string text =
      "[site]\n"                          // 1
      "nam = \"lab\"\n"                   // 2   unknown key (1); "name" is missing (2, at the section)
      "dns_name = 5\n"                    // 3   wrong type (3)
      "\n"                                // 4
      "[network]\n"                       // 5
      "subnets = [\"10.77.0.0/24\"]\n"    // 6
      "vip = \"10.77.0.21\"\n"            // 7   in use by db1 (4)
      "\n"                                // 8
      "[timers]\n"                        // 9   grace too short for the lease (5)
      "grace_ms = 600\n"                  // 10
      "\n"                                // 11
      "[[host]]\n"                        // 12
      "name = \"ccm1\"\n"                 // 13
      "role = \"CCM_SA_PRIMERY\"\n"       // 14  unknown role (6)
      "address = \"10.77.0.11\"\n"        // 15
      "[[host]]\n"                        // 16
      "name = \"ccm1\"\n"                 // 17  duplicate host (7)
      "role = \"CCM\"\n"                  // 18  not for high availability (8)
      "address = \"10.77.1.12\"\n"        // 19  outside the network (9)
      "[[host]]\n"                        // 20
      "name = \"db1\"\n"                  // 21
      "role = \"MGMTPOSTGRES_MASTER\"\n"  // 22
      "address = \"10.77.0.21\"\n"        // 23
      "[[host]]\n"                        // 24
      "name = \"-db2\"\n"                 // 25  no host name (10)
      "role = \"MGMTPOSTGRES_SLAVE\"\n"   // 26
      "address = \"10.77.0.22\"\n"        // 27
      "[[host]]\n"                        // 28
      "name = \"lb1\"\n"                  // 29
      "role = \"CCM_LB\"\n"               // 30
      "address = \"10.77.0.31\"\n";       // 31
  const auto outcome = parse_site(text, "site.toml");
  EXPECT_FALSE(outcome.site);
  EXPECT_EQ(places(outcome.mistakes), (std::vector<Place>{{1, 1, MistakeCode::missing_key},
                                                          {2, 1, MistakeCode::unknown_key},
                                                          {3, 12, MistakeCode::wrong_type},
                                                          {7, 7, MistakeCode::vip_in_use},
                                                          {9, 1, MistakeCode::timers},
                                                          {14, 8, MistakeCode::unknown_role},
                                                          {17, 8, MistakeCode::duplicate_host},
                                                          {18, 8, MistakeCode::role_not_available},
                                                          {19, 11, MistakeCode::outside_network},
                                                          {25, 8, MistakeCode::bad_name}}))
      << texts(outcome.mistakes);
  EXPECT_THAT(texts(outcome.mistakes), testing::HasSubstr("Did you mean \"name\"?"));
  EXPECT_THAT(texts(outcome.mistakes), testing::HasSubstr("Did you mean \"CCM_SA_PRIMARY\"?"));
  EXPECT_THAT(to_string(outcome.mistakes[5]), testing::StartsWith("site.toml:14:8: "));
}

TEST(Site, suggests_the_word_that_was_meant) {
  EXPECT_THAT(only_mistake("interface =", "interfcae =").text, testing::HasSubstr("Did you mean \"interface\"?"));
  EXPECT_THAT(only_mistake("[database]", "[databse]").text, testing::HasSubstr("Did you mean \"database\"?"));
}

TEST(Site, says_nothing_far_fetched) {
  EXPECT_THAT(only_mistake("interface = \"eth0\"", "colour = \"red\"").text,
              testing::Not(testing::HasSubstr("Did you mean")));
}

TEST(Site, refuses_roles_that_cannot_be_highly_available) {
  for (const std::string role : {"CCM", "CCM_SA", "MGMTPOSTGRES"}) {
    const auto mistake = only_mistake("\"CCM_LB\"", "\"" + role + "\"");
    EXPECT_EQ(mistake.code, MistakeCode::role_not_available) << role;
    EXPECT_THAT(mistake.text, testing::HasSubstr("use ")) << role;
    EXPECT_THAT(mistake.text, testing::HasSubstr("gemel convert")) << role;
  }
}

TEST(Site, takes_a_standalone_site_of_one_manager_and_one_database) {
  const auto outcome = parse_site(test::standalone_site(), "site.toml");
  ASSERT_TRUE(outcome.site) << texts(outcome.mistakes);
  const auto& site = *outcome.site;
  EXPECT_TRUE(site.is_standalone());
  EXPECT_TRUE(site.is_direct);
  EXPECT_FALSE(site.vip);
  EXPECT_EQ(site.hosts[0].concepts, (Concepts{.manager = true, .voter = true}));
  EXPECT_EQ(site.hosts[1].concepts, (Concepts{.database = true}));
  EXPECT_EQ(site.ports.manager_https, 443);
}

TEST(Site, takes_everything_on_one_host) {
  const auto outcome = parse_site(test::one_host_site(), "site.toml");
  ASSERT_TRUE(outcome.site) << texts(outcome.mistakes);
  const auto& site = *outcome.site;
  EXPECT_TRUE(site.is_standalone());
  EXPECT_FALSE(site.is_direct);
  EXPECT_EQ(site.hosts[0].concepts, (Concepts{.manager = true, .database = true, .balancer = true, .voter = true}));
  EXPECT_NE(site.ports.https, site.ports.manager_https);
}

TEST(Site, a_standalone_site_may_have_a_balancer_that_has_no_vote) {
  const auto outcome = parse_site(test::standalone_site() + host("lb1", "CCM_LB", "31"), "site.toml");
  ASSERT_TRUE(outcome.site) << texts(outcome.mistakes);
  EXPECT_FALSE(outcome.site->is_direct);
  EXPECT_EQ(outcome.site->hosts[2].concepts, (Concepts{.balancer = true}));
}

TEST(Site, high_availability_is_refused_to_standalone_roles) {
  const auto codes_of = [](const std::string& text) {
    std::vector<MistakeCode> codes;
    for (const auto& mistake : parse_site(text, "site.toml").mistakes) codes.push_back(mistake.code);
    return codes;
  };
  using testing::ElementsAre;
  const auto standalone = test::standalone_site();
  EXPECT_THAT(codes_of(standalone + host("ccm2", "CCM_SA", "12")), ElementsAre(MistakeCode::role_not_available));
  EXPECT_THAT(codes_of(standalone + host("db2", "MGMTPOSTGRES", "22")), ElementsAre(MistakeCode::role_not_available));
  EXPECT_THAT(codes_of(test::one_host_site() + host("db2", "MGMTPOSTGRES", "22")),
              ElementsAre(MistakeCode::role_not_available));
  EXPECT_THAT(codes_of(replaced(standalone, "interface =", "vip = \"10.77.0.100\"\ninterface =")),
              ElementsAre(MistakeCode::role_not_available));
  EXPECT_THAT(codes_of(replaced(standalone, "[database]", "[database]\nmin_copies = 2\nsync_standbys = 2")),
              ElementsAre(MistakeCode::out_of_range, MistakeCode::out_of_range));
  EXPECT_THAT(codes_of(replaced(standalone, host("db1", "MGMTPOSTGRES", "21"), "")),
              ElementsAre(MistakeCode::missing_role));
  // A slave beside it asks for a pair: both standalone roles are pointed at.
  EXPECT_THAT(codes_of(replaced(standalone, "interface =", "vip = \"10.77.0.100\"\ninterface =") +
                       host("db2", "MGMTPOSTGRES_SLAVE", "22")),
              ElementsAre(MistakeCode::role_not_available, MistakeCode::role_not_available));
}

TEST(Site, names_missing_roles) {
  const auto mistake = only_mistake(host("db2", "MGMTPOSTGRES_SLAVE", "22", "b"), "");
  EXPECT_EQ(mistake.code, MistakeCode::missing_role);
  EXPECT_THAT(mistake.text, testing::HasSubstr("MGMTPOSTGRES_SLAVE"));
}

TEST(Site, refuses_a_second_primary_role) {
  EXPECT_EQ(
      only_mistake(host("lb1", "CCM_LB", "31"), host("lb1", "CCM_LB", "31") + host("db3", "MGMTPOSTGRES_MASTER", "23"))
          .code,
      MistakeCode::too_many_of_role);
}

TEST(Site, refuses_addresses_twice_however_they_are_spelt) {
  EXPECT_EQ(only_mistake("address6 = \"fd77::12\"", "address6 = \"fd77:0:0::11\"").code,
            MistakeCode::duplicate_address);
}

TEST(Site, refuses_unusable_virtual_addresses) {
  EXPECT_EQ(only_mistake("10.77.0.100", "10.77.0.0").code, MistakeCode::vip_not_usable);
  EXPECT_EQ(only_mistake("10.77.0.100", "10.77.0.255").code, MistakeCode::vip_not_usable);
  EXPECT_EQ(only_mistake("fd77::100", "fd77::").code, MistakeCode::vip_not_usable);
  EXPECT_EQ(only_mistake("10.77.0.100", "10.78.0.100").code, MistakeCode::outside_network);
  EXPECT_EQ(only_mistake("10.77.0.100", "10.77.0.31").code, MistakeCode::vip_in_use);
  EXPECT_EQ(only_mistake("vip = \"10.77.0.100\"", "vip = \"fd77::100:1\"").code, MistakeCode::bad_address);
}

TEST(Site, refuses_addresses_that_are_none) {
  for (const std::string text :
       {"10.77.0.256", "10.77.0", "10.77.0.11/24", "db1", "", "127.0.0.1", "224.0.0.1", "::1"}) {
    EXPECT_EQ(only_mistake("address = \"10.77.0.11\"", "address = \"" + text + "\"").code, MistakeCode::bad_address)
        << text;
  }
  EXPECT_EQ(only_mistake("address6 = \"fd77::11\"", "address6 = \"10.77.0.13\"").code, MistakeCode::bad_address);
}

TEST(Site, refuses_a_network_with_host_bits_and_says_which_is_meant) {
  EXPECT_THAT(only_mistake("10.77.0.0/24", "10.77.0.7/24").text, testing::HasSubstr("\"10.77.0.0/24\""));
}

TEST(Site, refuses_names_that_are_none) {
  const std::vector<std::string> names{"db_1", "db1-", "", "db 1", "d\\\"1", "../x", "ca", "10", std::string(64, 'x')};
  for (const auto& name : names) {
    EXPECT_EQ(only_mistake("name = \"ccm1\"", "name = \"" + name + "\"").code, MistakeCode::bad_name) << name;
  }
  EXPECT_EQ(only_mistake("user = \"cliqr\"", "user = \"postgres\"").code, MistakeCode::bad_name);
  EXPECT_EQ(only_mistake("user = \"cliqr\"", "user = \"gemel_rewind\"").code, MistakeCode::bad_name);
  EXPECT_EQ(only_mistake("user = \"cliqr\"", "user = \"Robert'; --\"").code, MistakeCode::bad_name);
}

TEST(Site, names_are_compared_without_regard_to_case) {
  EXPECT_EQ(only_mistake("name = \"ccm2\"", "name = \"CCM1\"").code, MistakeCode::duplicate_host);
}

TEST(Site, warns_of_pairs_in_one_zone) {
  const auto outcome = parse_site(
      replaced(good_site(), host("db2", "MGMTPOSTGRES_SLAVE", "22", "b"), host("db2", "MGMTPOSTGRES_SLAVE", "22", "a")),
      "site.toml");
  EXPECT_TRUE(outcome.site) << texts(outcome.mistakes);
  ASSERT_EQ(outcome.warnings.size(), 1U);
  EXPECT_EQ(outcome.warnings[0].code, MistakeCode::same_zone);
}

TEST(Site, compact_site_of_three_gives_every_host_a_vote_and_the_manager_another_port) {
  const auto outcome = parse_site(test::compact_site(), "site.toml");
  ASSERT_TRUE(outcome.site) << texts(outcome.mistakes);
  for (const auto& entry : outcome.site->hosts) {
    EXPECT_EQ(entry.concepts, (Concepts{.manager = true, .database = true, .balancer = true, .voter = true}));
  }
  EXPECT_NE(outcome.site->ports.https, outcome.site->ports.manager_https);
}

TEST(Site, refuses_compact_sites_with_too_few_or_an_even_number_of_votes) {
  for (const int count : {1, 2, 4}) {
    std::string text = test::head;
    for (int i = 1; i <= count; ++i) text += host("n" + std::to_string(i), "ALL", std::to_string(i));
    const auto outcome = parse_site(text, "site.toml");
    ASSERT_EQ(outcome.mistakes.size(), 1U) << texts(outcome.mistakes);
    EXPECT_EQ(outcome.mistakes[0].code, MistakeCode::voters);
  }
}

TEST(Site, refuses_ports_used_twice) {
  EXPECT_EQ(only_mistake("[database]", "[ports]\nagent = 5432\n\n[database]").code, MistakeCode::out_of_range);
  EXPECT_EQ(only_mistake("[database]", "[ports]\nagent = 70000\n\n[database]").code, MistakeCode::out_of_range);
}

TEST(Site, refuses_more_copies_than_databases) {
  EXPECT_EQ(only_mistake("user = \"cliqr\"", "user = \"cliqr\"\nmin_copies = 3").code, MistakeCode::out_of_range);
}

TEST(Site, refuses_more_synchronous_standbys_than_there_can_be) {
  const auto mistake = only_mistake("user = \"cliqr\"", "user = \"cliqr\"\nsync_standbys = 2");
  EXPECT_EQ(mistake.code, MistakeCode::out_of_range);
  EXPECT_THAT(to_string(mistake), testing::HasSubstr("site.toml:13:17: \"sync_standbys\" is 2"));
  EXPECT_EQ(only_mistake("user = \"cliqr\"", "user = \"cliqr\"\nsync_standbys = 0").code, MistakeCode::out_of_range);
  EXPECT_EQ(only_mistake("user = \"cliqr\"", "user = \"cliqr\"\nsync_standbys = \"1\"").code, MistakeCode::wrong_type);
}

TEST(Site, takes_as_many_standbys_as_copies_are_demanded) {
  const auto third = good_site() + host("db3", "MGMTPOSTGRES_SLAVE", "23", "c");
  const auto with = [&](const std::string& lines) {
    return parse_site(replaced(third, "user = \"cliqr\"", "user = \"cliqr\"\n" + lines), "site.toml");
  };
  const auto two = with("sync_standbys = 2\nmin_copies = 3");
  ASSERT_TRUE(two.site) << texts(two.mistakes);
  EXPECT_EQ(two.site->sync_standbys, 2U);
  EXPECT_EQ(two.site->min_copies, 3U);
  const auto one = with("min_copies = 3");
  EXPECT_FALSE(one.site);
  ASSERT_EQ(one.mistakes.size(), 1U) << texts(one.mistakes);
  EXPECT_THAT(one.mistakes[0].text, testing::HasSubstr("raise \"sync_standbys\""));
}

TEST(Site, asks_managers_and_balancers_unless_it_is_told_others) {
  const auto vip = std::string("vip = \"10.77.0.100\"");
  const auto targets = [&](const std::string& line) {
    const auto parsed = parse_site(replaced(good_site(), vip, vip + line), "site.toml");
    EXPECT_TRUE(parsed.site) << texts(parsed.mistakes);
    return parsed.site ? parsed.site->service_targets : std::vector<std::string>{};
  };
  EXPECT_THAT(targets(""), testing::ElementsAre("10.77.0.11", "10.77.0.12", "10.77.0.31"));
  EXPECT_THAT(targets("\nservice_targets = []"), testing::IsEmpty());
  // A gateway may be in another network.
  EXPECT_THAT(targets("\nservice_targets = [\"192.0.2.1\", \"fd00::1\"]"),
              testing::ElementsAre("192.0.2.1", "fd00::1"));
}

TEST(Site, refuses_what_cannot_stand_for_the_clients_side) {
  const auto vip = std::string("vip = \"10.77.0.100\"");
  const auto mistake = [&](const std::string& list) { return only_mistake(vip, vip + "\nservice_targets = " + list); };
  EXPECT_EQ(mistake("\"10.77.0.1\"").code, MistakeCode::wrong_type);
  EXPECT_EQ(mistake("[7]").code, MistakeCode::wrong_type);
  EXPECT_EQ(mistake("[\"gateway\"]").code, MistakeCode::bad_address);
  EXPECT_EQ(mistake("[\"127.0.0.1\"]").code, MistakeCode::bad_address);
  EXPECT_EQ(mistake("[\"10.77.0.1\", \"10.77.0.1\"]").code, MistakeCode::duplicate_address);
  EXPECT_THAT(mistake("[\"10.77.0.100\"]").text, testing::HasSubstr("is the virtual address"));
  EXPECT_THAT(to_string(mistake("[\"10.77.0.22\"]")),
              testing::HasSubstr("site.toml:9:20: 10.77.0.22 belongs to the database host \"db2\""));
  std::string many = "[\"10.77.0.1\"";
  for (int number = 2; number <= 17; ++number) many += ", \"10.78.0." + std::to_string(number) + "\"";
  EXPECT_EQ(mistake(many + "]").code, MistakeCode::out_of_range);
}

TEST(Site, reports_each_line_that_is_not_toml_and_checks_the_rest) {
  auto text = replaced(good_site(), "name = \"ccm2\"", "name = ccm2");
  text = replaced(text, "zone = \"b\"", "zone \"b\"");
  text = replaced(text, "role = \"CCM_LB\"", "role = \"CCM_LP\"");
  const auto outcome = parse_site(text, "site.toml");
  EXPECT_FALSE(outcome.site);
  EXPECT_THAT(outcome.mistakes, testing::SizeIs(3)) << texts(outcome.mistakes);
}

TEST(Site, any_text_is_answered) {
  Random random(20240611);
  const auto good = good_site();
  for (int round = 0; round < 500; ++round) {
    auto text = good;
    for (int change = 0; change < 4; ++change) {
      const auto at = static_cast<std::size_t>(random.below(text.size()));
      switch (random.below(3)) {
        case 0:
          text[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          text.erase(at, static_cast<std::size_t>(random.below(30)));
          break;
        default:
          text.insert(at, text.substr(static_cast<std::size_t>(random.below(text.size())), 20));
          break;
      }
    }
    const auto outcome = parse_site(text, "site.toml");
    EXPECT_NE(outcome.site.has_value(), !outcome.mistakes.empty()) << "round " << round;
  }
  for (const std::string text : {"", "\n", "[", "[[", "=", "\"\"\"", "host = 1", "host = [1]", "[host]", "site = []"}) {
    EXPECT_FALSE(parse_site(text, "site.toml").mistakes.empty()) << text;
  }
}

}  // namespace
}  // namespace gemel::site
