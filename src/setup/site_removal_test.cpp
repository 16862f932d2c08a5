// The order, and what is refused before anything is done. What the script does is shown on machines.
#include "setup/site_removal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/test_loop.h"
#include "setup/fake_remote.h"
#include "site/test_sites.h"

namespace gemel::setup {
namespace {

using runtime::CommandResult;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Matcher;
using testing::Not;

class SiteRemoval : public testing::Test {
 protected:
  Status remove(FakeRemote& remote) {
    Status outcome;
    loop.run(keep(&remote, &outcome));
    return outcome;
  }
  static bool is_look(const FakeRemote::Call& call) { return call.command.arguments[2].contains("echo other"); }
  static std::vector<std::string> removed(const FakeRemote& remote) {
    std::vector<std::string> hosts;
    for (const auto& call : remote.calls())
      if (!is_look(call)) hosts.push_back(call.host);
    return hosts;
  }
  std::vector<std::string> lines;

 private:
  runtime::Task<void> keep(FakeRemote* remote, Status* outcome) {
    *outcome = co_await remove_site(remote, {&site_, "id", "20261123T120000Z"},
                                    [this](const std::string& line) { lines.push_back(line); });
  }
  site::Site site_ = *site::parse_site(site::test::good_site(), "site.toml").site;
  runtime::TestLoop loop;
};

FakeRemote::Answer all_have(const std::string& found) {
  return [found](const FakeRemote::Call&) -> Result<CommandResult> { return CommandResult{0, found + "\n"}; };
}

TEST_F(SiteRemoval, takes_the_databases_down_first_and_the_first_of_them_last) {
  FakeRemote remote(all_have("ours"));
  EXPECT_TRUE(remove(remote));
  EXPECT_THAT(removed(remote), ElementsAre("db2", "db1", "lb1", "ccm2", "ccm1"));
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_THAT(lines.front(), HasSubstr("db2: stopped; what it had is in /var/lib/gemel-kept/20261123T120000Z"));
}

TEST_F(SiteRemoval, takes_back_the_rules_that_firewalld_was_given_for_that_host) {
  FakeRemote remote(all_have("ours"));
  EXPECT_TRUE(remove(remote));
  for (const auto& call : remote.calls()) {
    if (is_look(call)) continue;
    const auto rule = [](const char* port) {
      return HasSubstr(std::string("port port=\"") + port + "\" protocol=\"tcp\" accept");
    };
    EXPECT_THAT(call.command.arguments, Contains(rule("7400"))) << call.host;
    EXPECT_THAT(call.command.arguments, call.host.starts_with("db")
                                            ? Matcher<std::vector<std::string>>(Contains(rule("5432")))
                                            : Not(Contains(rule("5432"))))
        << call.host;
  }
}

TEST_F(SiteRemoval, passes_over_hosts_on_which_nothing_is_left) {
  FakeRemote remote([](const FakeRemote::Call& call) -> Result<CommandResult> {
    return CommandResult{0, call.host == "ccm1" ? "ours" : "nothing"};
  });
  EXPECT_TRUE(remove(remote));
  EXPECT_THAT(removed(remote), ElementsAre("ccm1"));
  FakeRemote empty(all_have("nothing"));
  EXPECT_TRUE(remove(empty));
  EXPECT_THAT(lines.back(), HasSubstr("nothing of this site"));
}

TEST_F(SiteRemoval, does_nothing_when_a_host_is_of_another_site_or_away) {
  FakeRemote other([](const FakeRemote::Call& call) -> Result<CommandResult> {
    return CommandResult{0, call.host == "ccm1" ? "other" : "ours"};
  });
  const auto refused = remove(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::refused);
  EXPECT_TRUE(removed(other).empty());
  FakeRemote away([](const FakeRemote::Call& call) -> Result<CommandResult> {
    if (call.host == "ccm1") return fail(ErrorCode::unavailable, "no route");
    return CommandResult{0, "ours"};
  });
  EXPECT_EQ(remove(away).error().code, ErrorCode::unavailable);
  EXPECT_TRUE(removed(away).empty());
}

}  // namespace
}  // namespace gemel::setup
