// What a host cannot do is found before anything is changed, and the text says how to mend it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "site/host_work.h"
#include "site/test_facts.h"
#include "site/test_sites.h"

namespace gemel::site {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Preflight : public testing::Test {
 protected:
  /// The findings on the host of this name after `change` of good facts.
  std::vector<Problem> find(const std::string& name, void (*change)(HostFacts&)) {
    const auto host = std::ranges::find(site_.hosts, name, &Host::name);
    auto facts = test::bare(site_, *host);
    facts.memory_mb = 8'000;
    facts.free_disk_mb = 90'000;
    for (const auto& address : host->addresses()) facts.interfaces[address] = site_.interface;
    change(facts);
    return preflight(site_, *host, facts, is_begun_);
  }
  void expect_one(const std::string& name, void (*change)(HostFacts&), ProblemCode code, bool is_blocking,
                  const std::string& says) {
    const auto found = find(name, change);
    ASSERT_EQ(found.size(), 1U) << to_string(code);
    EXPECT_EQ(found[0].code, code);
    EXPECT_EQ(found[0].is_blocking, is_blocking) << sentence_of(found[0]);
    EXPECT_THAT(sentence_of(found[0]), HasSubstr(says));
    EXPECT_EQ(found[0].host, name);
  }
  bool is_begun_ = false;
  Site site_ = parse_site(test::good_site(), "site.toml").site.value();
};

TEST_F(Preflight, a_good_host_and_one_of_which_nothing_is_known_have_no_findings) {
  EXPECT_THAT(find("db1", [](HostFacts&) {}), IsEmpty());
  EXPECT_THAT(find("db1",
                   [](HostFacts& facts) {
                     facts.memory_mb = facts.free_disk_mb = 0;
                     facts.interfaces.clear();
                   }),
              IsEmpty());
}

TEST_F(Preflight, a_clock_an_hour_off_stands_in_the_way_and_three_seconds_are_worth_a_word) {
  expect_one(
      "lb1", [](HostFacts& facts) { facts.clock_ahead = seconds(-3600); }, ProblemCode::clock_off, true,
      "3600 s behind");
  expect_one("lb1", [](HostFacts& facts) { facts.clock_ahead = seconds(3); }, ProblemCode::clock_off, false, "chrony");
}

TEST_F(Preflight, memory_and_disk_are_advised_by_what_a_host_does_and_needed_by_all) {
  expect_one("db1", [](HostFacts& facts) { facts.memory_mb = 2'000; }, ProblemCode::little_memory, false, "4 GB");
  expect_one("lb1", [](HostFacts& facts) { facts.memory_mb = 500; }, ProblemCode::little_memory, true, "900 MB");
  EXPECT_THAT(find("lb1", [](HostFacts& facts) { facts.memory_mb = 2'000; }), IsEmpty());
  expect_one("db1", [](HostFacts& facts) { facts.free_disk_mb = 3'000; }, ProblemCode::little_disk, true, "make room");
  expect_one("db1", [](HostFacts& facts) { facts.free_disk_mb = 30'000; }, ProblemCode::little_disk, false, "advised");
  EXPECT_THAT(find("lb1", [](HostFacts& facts) { facts.free_disk_mb = 3'000; }), IsEmpty());
  expect_one("lb1", [](HostFacts& facts) { facts.free_system_mb = 300; }, ProblemCode::little_disk, true, "700 MB");
}

TEST_F(Preflight, addresses_are_the_hosts_own_and_the_floating_one_is_free) {
  expect_one(
      "lb1", [](HostFacts& facts) { facts.interfaces.erase("10.77.0.31"); }, ProblemCode::other_address, true,
      "correct the site file");
  expect_one(
      "db1", [](HostFacts& facts) { facts.interfaces["10.77.0.21"] = "ens9"; }, ProblemCode::no_interface, true,
      "ens9");
  expect_one(
      "db1", [](HostFacts& facts) { facts.taken = {"10.77.0.21"}; }, ProblemCode::address_taken, true,
      "take it from that machine");
  const auto taken = [](HostFacts& facts) { facts.answering = {"10.77.0.100"}; };
  expect_one("db1", taken, ProblemCode::floating_taken, true, "choose a free one");
  is_begun_ = true;
  EXPECT_THAT(find("db1", taken), IsEmpty()) << "our own primary, perhaps";
}

TEST_F(Preflight, packages_can_be_had_and_postgres_is_not_an_old_one) {
  expect_one(
      "lb1", [](HostFacts& facts) { facts.candidates = {{"nftables", "1.0.6"}, {"etcd-server", "3.4"}}; },
      ProblemCode::no_source, true, "haproxy");
  const auto old = [](HostFacts& facts) {
    facts.candidates = {{"nftables", "1"}, {"postgresql-15", "15.3-0+deb12u1"}, {"etcd-server", "3.4"}};
  };
  expect_one("db1", old, ProblemCode::old_postgres, false, "15.13");
  EXPECT_THAT(find("db1", [](HostFacts& facts) { facts.packages = {{"postgresql-15", "15.14-0+deb12u1"}}; }),
              IsEmpty());
}

TEST_F(Preflight, the_program_that_moves_the_address_is_looked_for_where_it_is_needed) {
  site_.address.provider = AddressProvider::command;
  site_.address.command = "/usr/local/sbin/move";
  const auto code = ProblemCode::no_address_tool;
  expect_one("db1", [](HostFacts&) {}, code, true, "/usr/local/sbin/move is not there");
  const auto not_executable = [](HostFacts& facts) { facts.files["/usr/local/sbin/move"].mode = 0644; };
  expect_one("db2", not_executable, code, true, "chmod 755");
  expect_one(
      "db2", [](HostFacts& facts) { facts.files["/usr/local/sbin/move"] = {true, "", 0755, "root", "root"}; }, code,
      true, "install it");
  EXPECT_THAT(find("db1", [](HostFacts& facts) { facts.files["/usr/local/sbin/move"].mode = 0755; }), IsEmpty());
  EXPECT_THAT(find("lb1", [](HostFacts&) {}), IsEmpty());
  is_begun_ = true;
  expect_one("db1", [](HostFacts&) {}, code, false, "nobody would tell the network");
}

TEST_F(Preflight, what_a_cloud_needs_is_there_and_private) {
  site_.address.provider = AddressProvider::openstack;
  const auto code = ProblemCode::no_cloud_secret;
  expect_one("db1", [](HostFacts&) {}, code, true, "/etc/openstack/gemel.secret is not there");
  const auto open = [](HostFacts& facts) { facts.files["/etc/openstack/gemel.secret"].mode = 0640; };
  expect_one("db1", open, code, true, "chmod 600");
  EXPECT_THAT(find("db1", [](HostFacts& facts) { facts.files["/etc/openstack/gemel.secret"].mode = 0600; }), IsEmpty());
  site_.address.provider = AddressProvider::aws;
  EXPECT_THAT(find("db1", [](HostFacts&) {}), IsEmpty());
  const auto stuck = [](HostFacts& facts) { facts.stuck["10.77.0.100"] = "the role may not call ec2:X"; };
  expect_one("db1", stuck, ProblemCode::address_stuck, false, "ec2:X");
}

TEST_F(Preflight, a_cluster_of_no_site_that_is_known_stands_in_the_way) {
  expect_one(
      "db2", [](HostFacts& facts) { facts.has_data_directory = true; }, ProblemCode::data_directory, true,
      "move it away and keep it");
}

}  // namespace
}  // namespace gemel::site
