#include "setup/plan_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "api/site_status.h"
#include "runtime/test_loop.h"
#include "setup/fake_remote.h"
#include "setup/host_facts_script.h"
#include "site/test_facts.h"
#include "site/test_sites.h"

namespace gemel::setup {
namespace {

using runtime::CommandResult;
using site::Step;
using site::StepKind;
using std::chrono::milliseconds;

constexpr CheckTimes quick{.interval = milliseconds(1), .limit = milliseconds(50)};

Step step_of(const std::string& host, const std::string& name, std::vector<std::string> needs) {
  Step step;
  step.id = host + "/" + name;
  step.host = host;
  step.kind = StepKind::restart_agent;
  step.changes = {name};
  step.needs = std::move(needs);
  return step;
}

class PlanRunTest : public testing::Test {
 protected:
  Status run(FakeRemote& remote) {
    Status outcome;
    PlanRun run(&remote, &plan, "lab", nullptr, [this](const Progress& progress) { seen.push_back(progress); }, quick);
    loop.run(keep(&run, &outcome));
    return outcome;
  }
  [[nodiscard]] std::vector<std::string> done() const {
    std::vector<std::string> ids;
    for (const auto& progress : seen)
      if (progress.phase == Progress::Phase::done) ids.push_back(progress.step->id);
    return ids;
  }
  site::Plan plan;
  std::vector<Progress> seen;
  runtime::TestLoop loop;

 private:
  static runtime::Task<void> keep(PlanRun* run, Status* outcome) { *outcome = co_await run->run(); }
};

TEST_F(PlanRunTest, a_step_begins_after_what_it_needs_on_whatever_host) {
  plan.steps = {step_of("b", "one", {}), step_of("a", "one", {"b/one"}), step_of("b", "two", {"a/one", "b/one"})};
  FakeRemote remote;
  EXPECT_TRUE(run(remote));
  EXPECT_THAT(done(), testing::ElementsAre("b/one", "a/one", "b/two"));
  EXPECT_EQ(seen.back().done, 2U);
  EXPECT_EQ(seen.back().of_host, 2U);
}

TEST_F(PlanRunTest, hosts_work_beside_each_other) {
  plan.steps = {step_of("a", "one", {}), step_of("b", "one", {})};
  FakeRemote remote;
  EXPECT_TRUE(run(remote));
  EXPECT_EQ(seen[0].phase, Progress::Phase::begun);
  EXPECT_EQ(seen[1].phase, Progress::Phase::begun);
}

TEST_F(PlanRunTest, after_a_failure_nothing_begins_any_more) {
  plan.steps = {step_of("a", "one", {}), step_of("a", "two", {"a/one"}), step_of("b", "one", {"a/one"})};
  FakeRemote remote([](const FakeRemote::Call&) -> Result<CommandResult> { return CommandResult{1, "no disk\n"}; });
  const auto outcome = run(remote);
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, testing::HasSubstr("a/one"));
  EXPECT_THAT(outcome.error().message, testing::HasSubstr("no disk"));
  EXPECT_EQ(remote.calls().size(), 1U);
  EXPECT_THAT(done(), testing::IsEmpty());
}

TEST_F(PlanRunTest, a_check_looks_again_until_it_passes_or_its_time_is_up) {
  auto check = step_of("a", "agent-check", {});
  check.kind = StepKind::check_agent;
  plan.steps = {check};
  int asked = 0;
  FakeRemote remote([&](const FakeRemote::Call&) -> Result<CommandResult> {
    if (++asked < 3) return fail(ErrorCode::unavailable, "not yet");
    api::SiteStatus status;
    status.hosts.emplace_back();
    status.hosts[0].host = "a";
    status.hosts[0].is_reachable = true;
    status.hosts[0].status.emplace();
    return CommandResult{0, api::to_json(status)};
  });
  EXPECT_TRUE(run(remote));
  EXPECT_EQ(asked, 3);
  FakeRemote silent([](const FakeRemote::Call&) -> Result<CommandResult> { return CommandResult{6, "gemel: nobody"}; });
  EXPECT_EQ(run(silent).error().code, ErrorCode::timed_out);
}

TEST_F(PlanRunTest, a_hold_is_read_from_text_or_there_is_none) {
  EXPECT_EQ(parse_hold("db1/files@between"), (Hold{"db1/files", Hold::Point::between}));
  EXPECT_EQ(parse_hold("files@after"), (Hold{"files", Hold::Point::after}));
  for (const auto* text : {"", "files", "@after", "files@", "files@soon"}) EXPECT_FALSE(parse_hold(text)) << text;
}

TEST_F(PlanRunTest, a_plan_of_zero_steps_is_done) {
  FakeRemote remote;
  EXPECT_TRUE(run(remote));
}

runtime::Task<void> gather(Remote* remote, site::Site site, site::Manifest manifest, site::SiteFacts* facts) {
  *facts = co_await gather_facts(remote, std::move(site), std::move(manifest));
}

TEST_F(PlanRunTest, facts_are_one_command_per_host_and_a_silent_host_is_not_reachable) {
  const auto input = site::test::bare_input(*site::parse_site(site::test::good_site(), "site.toml").site);
  FakeRemote remote([](const FakeRemote::Call& call) -> Result<CommandResult> {
    if (call.host == "db2") return fail(ErrorCode::unavailable, "no route");
    return CommandResult{0, "fact\tname\t" + call.host + "\nfact\tend\n"};
  });
  site::SiteFacts facts;
  loop.run(gather(&remote, input.site, input.manifest, &facts));
  EXPECT_EQ(remote.calls().size(), 5U);
  EXPECT_TRUE(facts.at("db1").is_reachable);
  EXPECT_FALSE(facts.at("db2").is_reachable);
  EXPECT_EQ(facts.at("db2").why_unreachable, "no route");
}

}  // namespace
}  // namespace gemel::setup
