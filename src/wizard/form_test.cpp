#include "wizard/form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "site/site.h"
#include "site/test_sites.h"
#include "wizard/form_check.h"
#include "wizard/site_writer.h"
#include "wizard/summary.h"
#include "wizard/test_answers.h"

namespace gemel::wizard {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string texts(const std::vector<FieldMistake>& mistakes) {
  std::string all;
  for (const auto& mistake : mistakes) all += mistake.field + ": " + mistake.text + "\n";
  return all;
}

std::string check(const Answers& answers, const std::string& id, const std::string& value) {
  const auto field = find_field(answers, id);
  EXPECT_TRUE(field) << id;
  return field ? check_value(answers, *field, value) : std::string();
}

TEST(Form, ids_are_unique_and_every_field_explains_itself) {
  auto by_program = test::five_hosts();
  by_program.values["address.provider"] = "command";
  auto in_openstack = test::five_hosts();
  in_openstack.values["address.provider"] = "openstack";
  for (const auto& answers :
       {test::five_hosts(), test::compact(), test::standalone(), test::one_host(), by_program, in_openstack}) {
    std::set<std::string> ids;
    for (const auto& screen : screens_of(answers)) {
      EXPECT_FALSE(screen.fields.empty() && screen.text.empty()) << screen.id;
      for (const auto& field : screen.fields) {
        EXPECT_TRUE(ids.insert(field.id).second) << field.id;
        EXPECT_GT(field.help.size(), 20U) << field.id;
        EXPECT_LE(split(field.help, '\n').size(), 2U) << field.id;
        for (const auto& line : split(field.help, '\n')) EXPECT_LE(line.size(), 110U) << field.id;
      }
    }
  }
}

TEST(Form, has_the_words_of_the_mission) {
  std::string labels;
  for (const auto& screen : screens_of({}))
    for (const auto& field : screen.fields) labels += field.label + "\n";
  for (const auto* label : {"DB IP or Hostname\n", "DB Username\n", "DB Password\n", "Primary Node Private IP\n",
                            "Secondary Node Private IP\n", "Mgmtserver DNS Name\n"})
    EXPECT_THAT(labels, HasSubstr(label));
}

TEST(Form, asks_for_as_many_hosts_as_there_are) {
  auto answers = test::five_hosts();
  EXPECT_FALSE(find_field(answers, "database3.address"));
  EXPECT_FALSE(find_field(answers, "database.sync_standbys"));
  answers.values["site.databases"] = "3";
  EXPECT_TRUE(find_field(answers, "database3.address"));
  EXPECT_TRUE(find_field(answers, "database.sync_standbys"));
  answers.values["site.kind"] = "compact";
  EXPECT_FALSE(find_field(answers, "ha.primary_ip"));
  EXPECT_TRUE(find_field(answers, "host3.address"));
}

TEST(Form, answers_make_a_site_without_a_mistake) {
  for (const auto& answers : {test::five_hosts(), test::compact()}) {
    EXPECT_THAT(judge(answers).mistakes, IsEmpty()) << texts(judge(answers).mistakes);
    const auto outcome = site::parse_site(write_site(answers).text, "site.toml");
    ASSERT_TRUE(outcome.site) << write_site(answers).text;
    EXPECT_EQ(outcome.site->dns_name, "mgmt.lab.test");
    EXPECT_EQ(outcome.site->vip->address, "10.77.0.100");
  }
}

TEST(Form, asks_only_for_what_the_kind_of_site_has) {
  for (const auto* id : {"database.address", "database.address6", "database.min_copies", "database.sync_standbys",
                         "address.provider", "ha.primary_ip", "ha.secondary_ip", "network.timers", "site.balancers"}) {
    EXPECT_FALSE(find_field(test::standalone(), id)) << id;
    EXPECT_FALSE(find_field(test::one_host(), id)) << id;
  }
  for (const auto* id : {"database.user", "ha.dns_name", "network.interface", "balancer.https_port"}) {
    EXPECT_TRUE(find_field(test::standalone(), id)) << id;
    EXPECT_TRUE(find_field(test::one_host(), id)) << id;
  }
  EXPECT_EQ(place_of(test::standalone(), "manager1.address"), "Manager (CCM_SA): Address");
  EXPECT_EQ(place_of(test::standalone(), "database1.address"), "Database (MGMTPOSTGRES): Address");
  EXPECT_EQ(place_of(test::one_host(), "host1.address"), "Host (CCM): Address");
  EXPECT_FALSE(find_field(test::standalone(), "balancer1.address"));
  EXPECT_FALSE(find_field(test::standalone(), "balancer.statistics_port"));
  EXPECT_TRUE(find_field(test::one_host(), "balancer.statistics_port")) << "that host is a balancer, too";
  auto balanced = test::standalone();
  balanced.values["site.balancer"] = "yes";
  EXPECT_TRUE(find_field(balanced, "balancer1.address"));
  EXPECT_TRUE(find_field(balanced, "balancer.statistics_port"));
}

TEST(Form, standalone_answers_make_a_site_without_a_mistake) {
  auto balanced = test::standalone();
  balanced.values["site.balancer"] = "yes";
  balanced.values["balancer1.address"] = "10.77.0.31";
  for (const auto& answers : {test::standalone(), test::one_host(), balanced}) {
    EXPECT_THAT(judge(answers).mistakes, IsEmpty()) << texts(judge(answers).mistakes);
    const auto site = site::parse_site(write_site(answers).text, "site.toml").site;
    ASSERT_TRUE(site) << write_site(answers).text;
    EXPECT_TRUE(site->is_standalone());
    EXPECT_EQ(site->dns_name, "mgmt.lab.test");
  }
  EXPECT_EQ(site::parse_site(write_site(test::standalone()).text, "").site->hosts[0].role, "CCM_SA");
  EXPECT_EQ(site::parse_site(write_site(test::standalone()).text, "").site->hosts[1].role, "MGMTPOSTGRES");
  EXPECT_EQ(site::parse_site(write_site(test::one_host()).text, "").site->hosts[0].role, "CCM");
}

TEST(Form, who_moves_the_floating_address_is_asked_with_what_it_needs) {
  auto answers = test::five_hosts();
  EXPECT_THAT(write_site(answers).text, Not(HasSubstr("address_provider"))) << "announcements are the default";
  EXPECT_THAT(check({}, "address.provider", "aws"), IsEmpty()) << "the address may be answered later";
  EXPECT_THAT(check(answers, "address.provider", "azure"), HasSubstr("Choices: layer2, command, aws, openstack"));
  answers.values["address.provider"] = "command";
  EXPECT_THAT(texts(judge(answers).mistakes), HasSubstr("address.command: An answer is needed"));
  EXPECT_THAT(check(answers, "address.command", "move"), HasSubstr("absolute path"));
  answers.values["address.command"] = "/sbin/move";
  EXPECT_THAT(judge(answers).mistakes, IsEmpty()) << texts(judge(answers).mistakes);
  EXPECT_EQ(site::parse_site(write_site(answers).text, "").site->address.program(), "/sbin/move");
  answers.values["address.provider"] = "openstack";
  EXPECT_THAT(texts(judge(answers).mistakes), HasSubstr("openstack.auth_url: An answer is needed"));
  EXPECT_THAT(texts(judge(answers).mistakes), HasSubstr("openstack.application_credential_id: An answer is needed"));
  EXPECT_THAT(check(answers, "openstack.auth_url", "http://keystone:5000"), HasSubstr("https://"));
  answers.values["openstack.auth_url"] = "https://keystone:5000/v3";
  answers.values["openstack.application_credential_id"] = "c1";
  EXPECT_THAT(judge(answers).mistakes, IsEmpty()) << texts(judge(answers).mistakes);
  EXPECT_EQ(site::parse_site(write_site(answers).text, "").site->address.openstack.application_credential_id, "c1");
  answers.values["address.provider"] = "aws";
  EXPECT_THAT(judge(answers).mistakes, IsEmpty()) << texts(judge(answers).mistakes);
  answers.values["database.address6"] = "fd77::100";
  EXPECT_THAT(texts(judge(answers).mistakes), HasSubstr("database.address6: AWS does not move"));
}

TEST(Form, what_another_provider_was_told_is_not_written) {
  auto answers = test::five_hosts();
  answers.kept = {{"aws.elastic_ip", "\"eipalloc-1\""}};
  EXPECT_THAT(judge(answers).mistakes, IsEmpty()) << texts(judge(answers).mistakes);
  EXPECT_THAT(summary_text(answers), Not(HasSubstr("eipalloc")));
  answers.values["address.provider"] = "aws";
  EXPECT_EQ(site::parse_site(write_site(answers).text, "").site->address.aws.elastic_ip, "eipalloc-1");
  EXPECT_THAT(summary_text(answers), HasSubstr("eipalloc-1"));
}

TEST(Form, every_field_of_a_site_reaches_the_site_file) {
  auto answers = test::five_hosts();
  answers.values.insert({{"site.databases", "3"},
                         {"network.interface", "ens3"},
                         {"network.timers", "fast"},
                         {"database.address6", "fd77::100"},
                         {"database.user", "someone"},
                         {"database.name", "things"},
                         {"database.min_copies", "2"},
                         {"database.sync_standbys", "2"},
                         {"database3.address", "10.77.0.23"},
                         {"manager1.name", "first"},
                         {"manager1.address6", "fd77::11"},
                         {"manager1.zone", "a"},
                         {"balancer.https_port", "8443"},
                         {"balancer.orchestrators_port", "9443"},
                         {"balancer.statistics_port", "9001"},
                         {"certificates.certificate", "/tls/mgmt.crt"},
                         {"certificates.key", "/tls/mgmt.key"},
                         {"certificates.authority", "/tls/root.crt"}});
  const auto site = site::parse_site(write_site(answers).text, "site.toml").site;
  ASSERT_TRUE(site) << texts(judge(answers).mistakes);
  EXPECT_EQ(site->interface, "ens3");
  EXPECT_EQ(site->timers.hb, std::chrono::milliseconds(20));
  EXPECT_EQ(site->vip6->address, "fd77::100");
  EXPECT_EQ(site->database.application_user, "someone");
  EXPECT_EQ(site->database.database_name, "things");
  EXPECT_EQ(site->min_copies, 2U);
  EXPECT_EQ(site->sync_standbys, 2U);
  EXPECT_EQ(site->hosts.size(), 6U);
  EXPECT_EQ(site->hosts[0].name, "first");
  EXPECT_EQ(site->hosts[0].address6, "fd77::11");
  EXPECT_EQ(site->hosts[0].zone, "a");
  EXPECT_EQ(site->ports.https, 8443);
  EXPECT_EQ(site->ports.orchestrators, 9443);
  EXPECT_EQ(site->ports.statistics, 9001);
  EXPECT_EQ(site->own_certificate, (site::OwnCertificateFiles{"/tls/mgmt.crt", "/tls/mgmt.key", "/tls/root.crt"}));
}

TEST(Form, mistakes_come_back_to_their_fields) {
  auto answers = test::five_hosts();
  answers.values["database2.address"] = "10.88.0.22";
  answers.values["ha.dns_name"] = "-";
  answers.values["database.address"] = "10.77.0.31";
  answers.values["database2.name"] = "ccm1";
  answers.values.erase("ha.primary_ip");
  std::set<std::string> fields;
  for (const auto& mistake : judge(answers).mistakes) fields.insert(mistake.field);
  EXPECT_EQ(fields, (std::set<std::string>{"database2.address", "ha.dns_name", "database.address", "database2.name",
                                           "ha.primary_ip"}))
      << texts(judge(answers).mistakes);
}

TEST(Form, a_message_names_fields_and_no_lines_of_a_file_nobody_wrote) {
  const auto text = check(test::five_hosts(), "database2.address", "10.77.0.12");
  EXPECT_THAT(text, HasSubstr("HA - Configure High Availability: Secondary Node Private IP"));
  EXPECT_THAT(text, Not(HasSubstr("line ")));
}

TEST(Form, a_value_is_checked_at_once_whichever_of_two_fields_a_message_points_at) {
  EXPECT_THAT(check(test::five_hosts(), "database1.address", "10.77.0.100"), HasSubstr("virtual address"));
  EXPECT_THAT(check({}, "network.subnets", "10.77.0.7/24"), HasSubstr("10.77.0.0/24"));
  EXPECT_THAT(check({}, "network.subnets", "10.77.0.0/24"), IsEmpty());
  EXPECT_THAT(check({}, "database.user", "postgres"), HasSubstr("reserved"));
  EXPECT_THAT(check({}, "ha.dns_name", ""), HasSubstr("needed"));
  EXPECT_THAT(check({}, "database.address6", ""), IsEmpty());
  EXPECT_THAT(check({}, "site.kind", "standalon"), HasSubstr("Did you mean \"standalone\"?"));
  EXPECT_THAT(check({}, "site.databases", "1"), HasSubstr("from 2 to 9"));
  EXPECT_THAT(check({}, "balancer.https_port", "99999999999"), HasSubstr("from 1 to 65535"));
  EXPECT_THAT(check({}, "database.address", "db.example.org"), HasSubstr("is a name"));
}

TEST(Form, a_certificate_is_given_with_its_key_or_not_at_all) {
  auto answers = test::five_hosts();
  EXPECT_THAT(check(answers, "certificates.certificate", "mgmt.crt"), HasSubstr("not a whole path"));
  EXPECT_THAT(check(answers, "certificates.certificate", "/tls/mgmt.crt"), IsEmpty()) << "its key comes next";
  answers.values["certificates.certificate"] = "/tls/mgmt.crt";
  const auto mistakes = judge(answers).mistakes;
  ASSERT_EQ(mistakes.size(), 1U) << texts(mistakes);
  EXPECT_EQ(mistakes[0].field, "certificates.certificate");
  EXPECT_THAT(mistakes[0].text, HasSubstr("\"key\" is missing"));
  answers.values["certificates.key"] = "/tls/mgmt.key";
  EXPECT_THAT(judge(answers).mistakes, IsEmpty());
  EXPECT_THAT(write_site(answers).text,
              HasSubstr("[certificates]\ncertificate = \"/tls/mgmt.crt\"\nkey = \"/tls/mgmt.key\"\n"));
  EXPECT_THAT(write_site(test::five_hosts()).text, Not(HasSubstr("certificates")));
}

TEST(Form, what_comes_later_does_not_forbid_a_change) {
  EXPECT_THAT(check(test::five_hosts(), "network.subnets", "10.99.0.0/24"), IsEmpty());
}

TEST(Form, no_known_default_password_is_taken) {
  for (const std::string password :
       {"cliqr", "postgres", "admin123", "cliqrcliqrcliqrcliqrcliqr", "Password-Password-2024",
        "12345678901234567890123", "short", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})
    EXPECT_THAT(check({}, std::string(password_id), password), Not(IsEmpty())) << password;
  EXPECT_THAT(check({}, std::string(password_id), "cliqr"), HasSubstr("known default"));
  EXPECT_THAT(check({}, std::string(password_id), "mQ7-fK2_xW9pLr4TzB6vNc"), IsEmpty());
  EXPECT_THAT(check({}, std::string(password_id), ""), IsEmpty()) << "a random one is made";
}

TEST(Form, the_password_is_in_no_text) {
  auto answers = test::five_hosts();
  answers.values[std::string(password_id)] = "mQ7-fK2_xW9pLr4TzB6vNc";
  EXPECT_THAT(write_site(answers).text, Not(HasSubstr("mQ7")));
  EXPECT_THAT(summary_text(answers), Not(HasSubstr("mQ7")));
  EXPECT_THAT(summary_text(answers), HasSubstr("(typed)"));
}

TEST(Form, a_site_file_gives_answers_that_make_the_same_site) {
  const auto extra =
      "\n[timers]\nprofile = \"fast\"\ngrace_ms = 320\nclock_rate_error = 0.05\n\n[ports]\nagent = 7410\nhttps = 444\n";
  const auto hidden = "\n[timers]\nprofile = \"fast\"\n\n[ports]\nstatistics = 9100\n";
  const auto own = "\n[certificates]\ncertificate = \"/tls/a.crt\"\nkey = \"/tls/a.key\"\n";
  for (const auto& text : {site::test::good_site() + extra, site::test::compact_site() + own,
                           site::test::standalone_site() + hidden, site::test::one_host_site() + own,
                           site::test::standalone_site() + site::test::host("lb1", "CCM_LB", "31") + hidden,
                           site::test::head + site::test::host("ccm1", "CCM_SA_PRIMARY", "11") +
                               site::test::host("ccm2", "CCM_SA_SECONDARY", "12", "b") +
                               site::test::host("db1", "MGMTPOSTGRES_MASTER", "21") +
                               site::test::host("db2", "MGMTPOSTGRES_SLAVE", "22", "b") +
                               site::test::host("db3", "MGMTPOSTGRES_SLAVE", "23", "c") +
                               site::test::host("lb1", "CCM_LB", "31") + site::test::host("lb2", "CCM_LB", "32")}) {
    const auto read = answers_of_site(text, "site.toml");
    ASSERT_TRUE(read.mistakes.empty()) << to_string(read.mistakes[0]);
    const auto before = site::parse_site(text, "site.toml").site;
    const auto after = site::parse_site(write_site(read.answers).text, "site.toml").site;
    ASSERT_TRUE(after) << write_site(read.answers).text;
    const std::string id = "4a7d3a5e-0000-4000-8000-000000000000";
    EXPECT_EQ(to_toml(host_config(*after, id, after->hosts[0])), to_toml(host_config(*before, id, before->hosts[0])));
    EXPECT_EQ(after->own_certificate, before->own_certificate);
  }
}

TEST(Form, the_provider_of_the_floating_address_is_kept) {
  const auto plain = site::test::good_site();
  const std::string vips = "vip = \"10.77.0.100\"\nvip6 = \"fd77::100\"\n";
  for (const auto& [network, section] : std::vector<std::pair<std::string, std::string>>{
           {vips + "address_command = \"/sbin/move\"\n", ""},
           {"vip = \"10.77.0.100\"\naddress_provider = \"aws\"\n", "[aws]\nelastic_ip = \"eipalloc-1\"\n"},
           {vips + "address_provider = \"openstack\"\n",
            "[openstack]\nauth_url = \"https://keystone:5000\"\napplication_credential_id = \"c1\"\n"}}) {
    auto text = plain + "\n" + section;
    text.replace(text.find(vips), vips.size(), network);
    const auto read = answers_of_site(text, "site.toml");
    ASSERT_TRUE(read.mistakes.empty()) << to_string(read.mistakes[0]);
    const auto after = site::parse_site(write_site(read.answers).text, "site.toml").site;
    ASSERT_TRUE(after) << write_site(read.answers).text;
    EXPECT_EQ(after->address, site::parse_site(text, "site.toml").site->address);
  }
}

TEST(Form, a_site_that_it_cannot_describe_is_not_changed_silently) {
  // Three managers, the primary last: written in the form's order, another one would have a vote.
  const auto text = site::test::head + site::test::host("ccm2", "CCM_SA_SECONDARY", "12") +
                    site::test::host("ccm3", "CCM_SA_SECONDARY", "13") +
                    site::test::host("ccm1", "CCM_SA_PRIMARY", "11") +
                    site::test::host("db1", "MGMTPOSTGRES_MASTER", "21") +
                    site::test::host("db2", "MGMTPOSTGRES_SLAVE", "22") + site::test::host("lb1", "CCM_LB", "31");
  EXPECT_EQ(answers_of_site(text, "site.toml").mistakes.size(), 1U);
  EXPECT_FALSE(answers_of_site("[site]\n", "site.toml").mistakes.empty());
  const auto external = answers_of_site(site::test::external_site(), "site.toml").mistakes;
  ASSERT_EQ(external.size(), 1U);
  EXPECT_THAT(external[0].text, HasSubstr("sites with an external database: edit the file"));
}

TEST(Summary, names_the_kind_of_site_in_words) {
  EXPECT_THAT(summary_text(test::one_host()), HasSubstr("Kind of site\n"));
  EXPECT_THAT(summary_text(test::one_host()), HasSubstr(" Everything on one host\n"));
  EXPECT_THAT(summary_text({}), HasSubstr("High availability on five hosts or more\n"));
}

TEST(Summary, the_last_page_of_a_standalone_site_has_no_balancer_and_the_hosts_own_address) {
  const auto site = *site::parse_site(site::test::standalone_site(), "site.toml").site;
  const auto text = final_text(site, {"/x/site.toml", "/x", "/x/apply.log"});
  EXPECT_THAT(text, HasSubstr("https://mgmt.lab.test/"));
  EXPECT_THAT(text, HasSubstr("Database           10.77.0.21 port 5432"));
  EXPECT_THAT(text, Not(HasSubstr("tatistics")));
  const auto one = *site::parse_site(site::test::one_host_site(), "site.toml").site;
  EXPECT_THAT(final_text(one, {"/x/site.toml", "/x", "/x/apply.log"}),
              HasSubstr("http://10.77.0.11:9000/haproxy_stats"));
}

TEST(Summary, the_last_page_names_addresses_and_places) {
  const auto site = *site::parse_site(site::test::good_site(), "site.toml").site;
  const Places places{"/x/site.toml", "/x", "/x/apply.log"};
  const auto text = final_text(site, places);
  for (const auto* part : {"https://mgmt.lab.test/", "http://10.77.0.31:9000/haproxy_stats", "/x/rendered/secrets/",
                           "/x/rendered/ca/web-ca.crt", "/x/site.toml", "/x/apply.log", "10.77.0.100"})
    EXPECT_THAT(text, HasSubstr(part));
  auto own = site;
  own.own_certificate = site::OwnCertificateFiles{"/tls/mgmt.crt", "/tls/mgmt.key", {}};
  EXPECT_THAT(final_text(own, places), HasSubstr("/tls/mgmt.crt (your own)"));
  EXPECT_THAT(final_text(own, places), Not(HasSubstr("web-ca.crt"))) << "nobody has to be given that one";
  own.own_certificate->authority = "/tls/root.crt";
  EXPECT_THAT(final_text(own, places), HasSubstr("Its authority      /tls/root.crt"));
}

}  // namespace
}  // namespace gemel::wizard
