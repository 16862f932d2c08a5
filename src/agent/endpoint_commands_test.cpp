// What an operator may ask over the endpoint: who may, what the body must say, what is passed on. Switchover:
// endpoint_test.cpp.
#include "agent/endpoint_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace gemel::agent {
namespace {

using ::testing::HasSubstr;

const runtime::Peer local{.is_local_socket = true};

runtime::Peer remote(const std::string& uri) { return {.address = "10.77.0.5", .common_name = "some", .uris = {uri}}; }

class Commands : public ::testing::Test {
 protected:
  Commands() {
    source.site = "lab";
    source.host = "db2";
    source.switch_over = [this](NodeId) { return said; };
    source.pause = [this](core::event::PauseAsked asked) {
      paused.push_back(std::move(asked));
      return said;
    };
    source.resume = [this](std::string by) {
      resumed.push_back(std::move(by));
      return said;
    };
    source.force = [this](std::string by, bool confirmed) {
      forced.emplace_back(std::move(by), confirmed);
      return said;
    };
  }
  runtime::HttpResponse post(const std::string& path, const std::string& body, const runtime::Peer& peer = local) {
    return answer(source, {"POST", path, {}, body}, peer);
  }

  core::Answer said{1, true, "", "accepted"};
  std::vector<core::event::PauseAsked> paused;
  std::vector<std::string> resumed;
  std::vector<std::pair<std::string, bool>> forced;
  EndpointSource source;
};

constexpr auto good_pause = R"({"user":"ops","reason":"new switch","seconds":3600})";

TEST_F(Commands, pause_says_who_from_where_why_and_how_long) {
  EXPECT_EQ(post("/pause", good_pause).status, 202U);
  EXPECT_EQ(post("/pause", good_pause, remote("gemel:lab:agent:db1")).status, 202U);
  EXPECT_EQ(post("/pause", good_pause, remote("gemel:lab:manager:ccm1")).status, 202U);
  ASSERT_EQ(paused.size(), 3U);
  EXPECT_EQ(paused[0].by, "ops@db2") << "asked on the host itself";
  EXPECT_EQ(paused[1].by, "ops@db1") << "the host is the certificate's";
  EXPECT_EQ(paused[2].by, "ops@ccm1");
  EXPECT_EQ(paused[0].reason, "new switch");
  EXPECT_EQ(paused[0].length, std::chrono::hours(1));
  EXPECT_TRUE(paused[0].until.ends_with("Z")) << paused[0].until;
}

TEST_F(Commands, are_for_agents_and_managers_of_this_site) {
  for (const auto* uri :
       {"gemel:lab:web:ccm1", "gemel:other:agent:db1", "gemel:lab:agentx:db1", "gemel:lab:agent", ""}) {
    EXPECT_EQ(post("/pause", good_pause, remote(uri)).status, 403U) << uri;
    EXPECT_EQ(post("/resume", R"({"user":"ops"})", remote(uri)).status, 403U) << uri;
    EXPECT_EQ(post("/force", R"({"user":"ops"})", remote(uri)).status, 403U) << uri;
  }
  EXPECT_TRUE(paused.empty() && resumed.empty() && forced.empty());
}

TEST_F(Commands, pause_refuses_what_it_cannot_show_or_measure) {
  for (const auto* body :
       {"", "[]", "{", R"({"reason":"r","seconds":60})", R"({"user":"","reason":"r","seconds":60})",
        R"({"user":7,"reason":"r","seconds":60})", R"({"user":"a\nb","reason":"r","seconds":60})",
        R"({"user":"ops","seconds":60})", R"({"user":"ops","reason":"","seconds":60})",
        R"({"user":"ops","reason":"a\u001bb","seconds":60})", R"({"user":"ops","reason":"r"})",
        R"({"user":"ops","reason":"r","seconds":"60"})", R"({"user":"ops","reason":"r","seconds":-1})",
        R"({"user":"ops","reason":"r","seconds":1e30})"}) {
    EXPECT_EQ(post("/pause", body).status, 400U) << body;
  }
  const std::string long_reason(501, 'x');
  EXPECT_EQ(post("/pause", R"({"user":"ops","seconds":60,"reason":")" + long_reason + "\"}").status, 400U);
  EXPECT_TRUE(paused.empty());
}

TEST_F(Commands, a_refusal_carries_its_reason) {
  said = {1, false, "not_primary", "this host is not the primary; ask db1"};
  for (const auto* path : {"/pause", "/resume", "/force"}) {
    const auto response = post(path, good_pause);
    EXPECT_EQ(response.status, 409U) << path;
    EXPECT_THAT(response.body, HasSubstr(R"("code":"not_primary")"));
    EXPECT_THAT(response.body, HasSubstr("ask db1"));
  }
}

TEST_F(Commands, resume_says_who) {
  EXPECT_EQ(post("/resume", R"({"user":"ops"})", remote("gemel:lab:agent:ccm2")).status, 202U);
  EXPECT_EQ(resumed, std::vector<std::string>{"ops@ccm2"});
  EXPECT_EQ(post("/resume", "{}").status, 400U);
}

TEST_F(Commands, force_reports_before_it_is_confirmed) {
  said = {1, false, "needs_confirmation", "at least 16 bytes are missing here"};
  const auto report = post("/force", R"({"user":"ops"})");
  EXPECT_EQ(report.status, 200U);
  EXPECT_EQ(report.body, R"({"accepted":false,"report":"at least 16 bytes are missing here"})");
  said = {1, true, "", "at least 16 bytes are missing here"};
  EXPECT_EQ(post("/force", R"({"user":"ops","confirmed_fenced":true})").status, 202U);
  EXPECT_EQ(post("/force", R"({"user":"ops","confirmed_fenced":"yes"})").status, 400U);
  EXPECT_EQ(forced, (std::vector<std::pair<std::string, bool>>{{"ops@db2", false}, {"ops@db2", true}}));
}

TEST_F(Commands, a_host_without_a_database_says_so) {
  source.pause = nullptr;
  source.resume = nullptr;
  source.force = nullptr;
  for (const auto* path : {"/pause", "/resume", "/force"}) EXPECT_EQ(post(path, good_pause).status, 409U) << path;
}

}  // namespace
}  // namespace gemel::agent
