// Whether a host may leave, the order of its leaving, and a stop anywhere in it.
#include "setup/host_removal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/test_loop.h"
#include "setup/fake_remote.h"
#include "site/test_sites.h"

namespace gemel::setup {
namespace {

using runtime::CommandResult;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Verdict = Removability::Verdict;
using std::chrono::milliseconds;

constexpr CheckTimes quick{.interval = milliseconds(1), .limit = milliseconds(50)};

site::Host host_of(const std::string& name, site::Concepts concepts) {
  site::Host host;
  host.name = name;
  host.concepts = concepts;
  return host;
}
const site::Host ccm3 = host_of("ccm3", {.manager = true});
const site::Host db2 = host_of("db2", {.database = true});
const site::Host db3 = host_of("db3", {.database = true});
const site::Host db1 = host_of("db1", {.database = true});

/// A healthy site with a third manager and a third database host, of which db2 is the one that commits wait for.
api::SiteStatus seven() {
  api::SiteStatus status;
  for (const std::string name : {"ccm1", "ccm2", "ccm3", "db1", "db2", "db3", "lb1"}) {
    auto& entry = status.hosts.emplace_back();
    entry.host = name;
    entry.is_reachable = true;
    const bool is_database = name.starts_with("db");
    entry.duties = {is_database ? "database" : name == "lb1" ? "balancer" : "manager"};
    auto& said = entry.status.emplace();
    if (name != "ccm3") said.store.emplace(api::StoreStatus{3, 3, "ccm1", true});
    if (!is_database) continue;
    said.record.emplace(api::RecordStatus{1, "db1", {"db1", "db2"}, "normal", 10});
    auto& database = said.database.emplace();
    database.run = name == "db1" ? "primary" : "standby";
    database.role = database.run;
    database.is_gate_open = name == "db1";
  }
  status.hosts.back().status->balancer.emplace(
      api::BalancerStatus{true, {{"ccm1", "UP", 0}, {"ccm2", "UP", 0}, {"ccm3", "UP", 0}}});
  status.summary = api::summarise(status.hosts);
  EXPECT_EQ(status.summary.health, "healthy");
  return status;
}

api::HostEntry& entry_of(api::SiteStatus& status, const std::string& host) {
  return *std::ranges::find(status.hosts, host, &api::HostEntry::host);
}

api::SiteStatus judged(api::SiteStatus status) {
  status.summary = api::summarise(status.hosts);
  return status;
}

api::SiteStatus lose(api::SiteStatus status, const std::string& host) {
  entry_of(status, host).is_reachable = false;
  entry_of(status, host).status.reset();
  return judged(std::move(status));
}

api::SiteStatus count_on(api::SiteStatus status, const std::vector<std::string>& members) {
  for (auto& entry : status.hosts)
    if (entry.status && entry.status->record) entry.status->record->members = members;
  return judged(std::move(status));
}

TEST(HostRemoval, a_host_may_leave_a_healthy_site_unless_it_serves) {
  for (const auto& host : {ccm3, db2, db3})
    EXPECT_EQ(removability_of(host, seven(), false).verdict, Verdict::possible) << host.name;
  const auto answer = removability_of(db1, seven(), false);
  EXPECT_EQ(answer.verdict, Verdict::refused);
  EXPECT_THAT(answer.why, HasSubstr("gemel switchover first"));
}

TEST(HostRemoval, is_refused_without_a_primary_in_a_pause_and_for_a_lost_host_that_answers) {
  auto paused = seven();
  for (auto& entry : paused.hosts)
    if (entry.status->record) {
      entry.status->record->state = "paused";
      entry.status->record->pause.emplace();
    }
  EXPECT_THAT(removability_of(ccm3, judged(paused), false).why, HasSubstr("gemel resume"));
  EXPECT_THAT(removability_of(db3, lose(seven(), "db1"), false).why, HasSubstr("no host serves"));
  const auto answer = removability_of(ccm3, seven(), true);
  EXPECT_EQ(answer.verdict, Verdict::refused);
  EXPECT_THAT(answer.why, HasSubstr("not lost"));
}

TEST(HostRemoval, what_is_wrong_with_the_host_itself_does_not_keep_it) {
  auto status = lose(seven(), "ccm3");
  entry_of(status, "lb1").status->balancer->backends[2].state = "DOWN";
  status = judged(status);
  EXPECT_EQ(status.summary.health, "degraded");
  EXPECT_EQ(removability_of(ccm3, status, true).verdict, Verdict::possible);
  EXPECT_EQ(removability_of(db3, lose(seven(), "db3"), true).verdict, Verdict::possible);
}

TEST(HostRemoval, waits_while_the_site_would_not_be_whole_without_it) {
  const auto other = removability_of(ccm3, lose(seven(), "lb1"), false);
  EXPECT_EQ(other.verdict, Verdict::wait);
  EXPECT_THAT(other.why, HasSubstr("lb1"));
  // Its primary has not given it up yet.
  const auto counted = removability_of(db3, lose(count_on(seven(), {"db1", "db3"}), "db3"), true);
  EXPECT_EQ(counted.verdict, Verdict::wait);
  EXPECT_THAT(counted.why, HasSubstr("db1 still counts on db3"));
}

TEST(HostRemoval, the_others_stand_alone_when_nobody_counts_on_it_and_another_could_take_over) {
  EXPECT_EQ(missing_without("db3", seven()), "");
  // Commits wait for both: losing one is no trouble for the others, yet it is still waited for.
  EXPECT_THAT(missing_without("db3", count_on(seven(), {"db1", "db2", "db3"})), HasSubstr("still counts on db3"));
  EXPECT_THAT(missing_without("db3", count_on(seven(), {"db1"})), HasSubstr("no second copy"));
}

/// What is done, by whom, in its order; `stop_at` fails the part of that name.
class TakeOut : public testing::Test {
 protected:
  Status take_out_of(const site::Host& host, bool is_lost = false) {
    FakeRemote remote([this](const FakeRemote::Call& call) -> Result<CommandResult> {
      const auto& words = call.command.arguments;
      const bool is_look = words.size() > 2 && words[2].contains("echo other");
      if (is_look) return CommandResult{0, remains};
      return did((words.front() == "systemctl" ? "stop " : "keep aside ") + call.host)
                 ? Result<CommandResult>(CommandResult{0, ""})
                 : fail(ErrorCode::unavailable, "the connection broke");
    });
    RemovalParts parts;
    parts.ask = [this] { return ask(); };
    parts.change_others = [this] { return change_others(); };
    parts.forget = [this]() -> Status { return did("forget") ? Status{} : fail(ErrorCode::denied, "read-only"); };
    parts.say = [](const std::string&) {};
    Status outcome;
    loop.run(keep(&remote, host, is_lost, parts, &outcome));
    return outcome;
  }
  std::vector<std::string> order;
  std::string stop_at;
  std::string remains = "ours\n";
  api::SiteStatus status = seven();

 private:
  bool did(const std::string& what) {
    if (what == stop_at) return false;
    order.push_back(what);
    // What a standby's stop means to its primary.
    if (what.starts_with("stop ")) status = lose(count_on(status, {"db1", "db2"}), what.substr(5));
    return true;
  }
  runtime::Task<Result<api::SiteStatus>> ask() { co_return status; }
  runtime::Task<Status> change_others() {
    co_return did("change others") ? Status{} : fail(ErrorCode::cancelled, "not all");
  }
  runtime::Task<void> keep(FakeRemote* remote, site::Host host, bool is_lost, RemovalParts parts, Status* outcome) {
    *outcome = co_await take_out(remote, {&site_, "id", "20261124T120000Z"}, host, is_lost, parts, quick);
  }
  site::Site site_ = *site::parse_site(site::test::good_site(), "site.toml").site;
  runtime::TestLoop loop;
};

TEST_F(TakeOut, a_manager_serves_until_the_others_have_changed) {
  EXPECT_TRUE(take_out_of(ccm3));
  EXPECT_THAT(order, ElementsAre("change others", "keep aside ccm3", "forget"));
}

TEST_F(TakeOut, a_standby_is_stopped_and_given_up_before_the_others_change) {
  status = count_on(seven(), {"db1", "db3"});
  EXPECT_TRUE(take_out_of(db3));
  EXPECT_THAT(order, ElementsAre("stop db3", "change others", "keep aside db3", "forget"));
}

TEST_F(TakeOut, nothing_changes_while_the_primary_counts_on_a_lost_standby) {
  status = lose(count_on(seven(), {"db1", "db2", "db3"}), "db3");
  const auto outcome = take_out_of(db3, true);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::timed_out);
  EXPECT_THAT(order, IsEmpty());
}

TEST_F(TakeOut, a_lost_host_is_left_alone) {
  status = lose(seven(), "db3");
  EXPECT_TRUE(take_out_of(db3, true));
  EXPECT_THAT(order, ElementsAre("change others", "forget"));
}

TEST_F(TakeOut, a_host_of_another_site_is_not_touched_and_neither_are_the_others) {
  remains = "other\n";
  EXPECT_EQ(take_out_of(db3).error().code, ErrorCode::refused);
  EXPECT_THAT(order, IsEmpty());
}

TEST_F(TakeOut, stopped_anywhere_the_same_again_ends_it_and_the_file_forgets_last) {
  const std::vector<std::string> all{"stop db3", "change others", "keep aside db3", "forget"};
  for (std::size_t stopped = 0; stopped < all.size(); ++stopped) {
    order.clear();
    status = count_on(seven(), {"db1", "db3"});
    remains = "ours\n";
    stop_at = all[stopped];
    EXPECT_FALSE(take_out_of(db3)) << stop_at;
    EXPECT_EQ(order, std::vector<std::string>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(stopped)));
    if (all[stopped] == "forget") remains = "nothing\n";
    stop_at.clear();
    EXPECT_TRUE(take_out_of(db3)) << all[stopped];
    EXPECT_EQ(order.back(), "forget");
  }
}

}  // namespace
}  // namespace gemel::setup
