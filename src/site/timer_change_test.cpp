// Timers of a running site: which change may go from host to host, and in which two steps any other can.
#include "site/timer_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "site/growth.h"
#include "site/host_work.h"
#include "site/test_facts.h"
#include "site/test_sites.h"
#include "site/timer_profile.h"

namespace gemel::site {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

core::Timers with(core::Timers timers, int lease, int grace) {
  timers.lease = std::chrono::milliseconds(lease);
  timers.grace = std::chrono::milliseconds(grace);
  return timers;
}

double count(Duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

/// A pair that runs with `former`, and whose site file has `next`.
PlanInput changed(const core::Timers& former, const core::Timers& next) {
  auto input = test::done_input(*parse_site(test::good_site(), "site.toml").site);
  for (auto& [name, facts] : input.facts) {
    facts.timers = {{"hb_ms", count(former.hb)},
                    {"lease_ms", count(former.lease)},
                    {"grace_ms", count(former.grace)},
                    {"gate_ms", count(former.gate)},
                    {"clock_rate_error", former.clock_rate_error}};
  }
  input.site.timers = next;
  return input;
}

std::vector<std::string> hosts(const std::vector<Problem>& problems) {
  std::vector<std::string> names;
  for (const auto& problem : problems) {
    EXPECT_EQ(problem.code, ProblemCode::timers_apart);
    EXPECT_TRUE(problem.is_blocking);
    names.push_back(problem.host);
  }
  return names;
}

const core::Timers standard, fast = fast_timers();

TEST(TimerChange, one_profile_for_another_is_refused_on_both_database_hosts_and_by_the_plan) {
  for (const auto& input : {changed(standard, fast), changed(fast, standard)}) {
    const auto problems = problems_of_timers(input);
    EXPECT_THAT(hosts(problems), ElementsAre("db1", "db2"));
    EXPECT_THAT(problems.front().mend, HasSubstr("shorter lease (200) and over them grace_ms = 650"));
    EXPECT_EQ(std::ranges::count(problems_of(input), ProblemCode::timers_apart, &Problem::code), 2);
  }
}

TEST(TimerChange, the_two_runs_that_it_names_are_taken_in_both_directions) {
  const auto between = with(fast, 200, 650);
  EXPECT_THAT(core::check_timers(between), IsEmpty()) << "a site file may hold it";
  for (const auto& [from, to] : {std::pair(standard, between), std::pair(between, fast), std::pair(fast, between),
                                 std::pair(between, standard)}) {
    EXPECT_THAT(problems_of_timers(changed(from, to)), IsEmpty()) << count(from.grace) << " to " << count(to.grace);
  }
}

TEST(TimerChange, what_no_two_hosts_could_differ_about_is_nobodys_matter) {
  EXPECT_THAT(problems_of_timers(changed(standard, standard)), IsEmpty());
  EXPECT_THAT(problems_of_timers(changed(standard, with(standard, 500, 900))), IsEmpty());
  auto slower = standard;
  slower.stop = std::chrono::seconds(9);
  EXPECT_THAT(problems_of_timers(changed(standard, slower)), IsEmpty());
}

TEST(TimerChange, at_the_very_limit_it_is_refused) {
  // (500 x 1.1 + 20) / 0.9 = 633.3
  EXPECT_THAT(problems_of_timers(changed(with(standard, 450, 634), standard)), IsEmpty());
  EXPECT_THAT(hosts(problems_of_timers(changed(with(standard, 450, 633), standard))), ElementsAre("db1", "db2"));
}

TEST(TimerChange, the_worse_clock_and_the_later_gate_count) {
  auto sure = with(standard, 400, 560);
  sure.clock_rate_error = 0.05;
  EXPECT_THAT(hosts(problems_of_timers(changed(sure, with(standard, 450, 650)))), ElementsAre("db1", "db2"))
      << "560 x 0.9 is below 450 x 1.1 + 20";
}

TEST(TimerChange, only_hosts_that_run_this_site_count) {
  auto input = changed(standard, fast);
  input.facts["db1"].running_units.clear();
  EXPECT_THAT(hosts(problems_of_timers(input)), ElementsAre("db2"));
  input.facts["db2"].site_id = "another";
  EXPECT_THAT(problems_of_timers(input), IsEmpty());
}

}  // namespace
}  // namespace gemel::site
