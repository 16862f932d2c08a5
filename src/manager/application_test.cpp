#include "manager/application.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manager/fake_notes_store.h"
#include "manager/run_task.h"

namespace gemel::manager {
namespace {

using runtime::HttpRequest;
using runtime::HttpResponse;
using ::testing::HasSubstr;
using Fault = testing::FakeNotesStore::Fault;

class FakeSite final : public SiteSource {
 public:
  runtime::Task<Result<std::string>> site_json() override {
    if (is_silent) co_return fail(ErrorCode::timed_out, "no agent");
    co_return R"({"site":"harbour"})";
  }
  bool is_silent = false;
};

class ApplicationTest : public ::testing::Test {
 protected:
  HttpResponse ask(std::string method, std::string target, std::string body = {}, runtime::Headers headers = {}) {
    HttpRequest request{std::move(method), std::move(target), std::move(headers), std::move(body)};
    return testing::run_task(loop_, application_.handle(std::move(request), runtime::Peer{}));
  }
  HttpResponse post(const std::string& key, const std::string& body) {
    return ask("POST", "/api/v1/notes", body, {{"idempotency-key", key}});
  }

  boost::asio::io_context loop_;
  testing::FakeNotesStore notes_;
  FakeSite site_;
  ReadinessState readiness_{runtime::boot_now()};
  RetryPolicy policy_{.total = std::chrono::milliseconds(200), .pause = std::chrono::milliseconds(1)};
  Application application_{
      {.host = "ccm1", .notes = notes_, .site = site_, .readiness = readiness_, .policy = policy_}};
};

constexpr auto* hello = R"({"author":"Night shift","text":"all quiet"})";

TEST_F(ApplicationTest, every_answer_names_the_manager_and_is_guarded) {
  for (const auto* target :
       {"/", "/page.css", "/page.js", "/healthz", "/readyz", "/api/v1/site", "/api/v1/notes", "/nowhere"}) {
    const auto response = ask("GET", target);
    EXPECT_EQ(response.headers.at("x-gemel-manager"), "ccm1") << target;
    EXPECT_THAT(response.headers.at("content-security-policy"), HasSubstr("frame-ancestors 'none'")) << target;
    EXPECT_EQ(response.headers.at("x-content-type-options"), "nosniff") << target;
    EXPECT_EQ(response.headers.count("strict-transport-security"), 1U) << target;
  }
}

TEST_F(ApplicationTest, serves_a_page_without_inline_code) {
  const auto page = ask("GET", "/");
  EXPECT_EQ(page.status, 200U);
  EXPECT_THAT(page.headers.at("content-type"), HasSubstr("text/html"));
  EXPECT_THAT(page.body, HasSubstr("<script src=\"/page.js\" defer></script>"));
  EXPECT_EQ(page.body.find("style="), std::string::npos);
  EXPECT_EQ(page.body.find("<style"), std::string::npos);
  EXPECT_THAT(ask("GET", "/page.js").body, HasSubstr("Idempotency-Key"));
}

TEST_F(ApplicationTest, refuses_unknown_paths_and_methods) {
  const auto missing = ask("GET", "/api/v1/nothing");
  EXPECT_EQ(missing.status, 404U);
  EXPECT_EQ(missing.headers.at("content-type"), "application/problem+json");
  const auto wrong = ask("DELETE", "/api/v1/notes");
  EXPECT_EQ(wrong.status, 405U);
  EXPECT_EQ(wrong.headers.at("allow"), "GET, HEAD, POST");
  EXPECT_EQ(ask("HEAD", "/healthz").status, 200U);
}

TEST_F(ApplicationTest, writes_a_note_once_per_key) {
  const auto first = post("k1", hello);
  EXPECT_EQ(first.status, 201U);
  EXPECT_THAT(first.body, HasSubstr("\"id\":1"));
  const auto again = post("k1", hello);
  EXPECT_EQ(again.status, 200U);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(post("k1", R"({"author":"Night shift","text":"other"})").status, 422U);
  EXPECT_EQ(notes_.notes.size(), 1U);
}

TEST_F(ApplicationTest, outlives_a_failover_inside_one_request) {
  notes_.faults = {Fault::unavailable, Fault::unavailable, Fault::lost_answer, Fault::unavailable};
  EXPECT_EQ(post("k1", hello).status, 201U);
  EXPECT_EQ(notes_.notes.size(), 1U) << "the lost answer is not written again";
  EXPECT_EQ(notes_.calls, 5U);
}

TEST_F(ApplicationTest, gives_up_with_retry_after_when_the_database_stays_away) {
  notes_.is_dead = true;
  const auto response = post("k1", hello);
  EXPECT_EQ(response.status, 503U);
  EXPECT_EQ(response.headers.at("retry-after"), "1");
  EXPECT_GT(notes_.calls, 3U);
  EXPECT_EQ(ask("GET", "/api/v1/notes").status, 503U);
}

TEST_F(ApplicationTest, says_what_is_wrong_with_a_note_and_asks_nobody) {
  EXPECT_THAT(ask("POST", "/api/v1/notes", hello).body, HasSubstr("Idempotency-Key is missing"));
  EXPECT_EQ(ask("POST", "/api/v1/notes", hello).status, 400U);
  EXPECT_THAT(post("k", "{").body, HasSubstr("not JSON"));
  EXPECT_THAT(post("k", R"({"author":"a"})").body, HasSubstr("is missing"));
  EXPECT_EQ(post("k y", hello).status, 400U);
  EXPECT_EQ(notes_.calls, 0U);
}

TEST_F(ApplicationTest, lists_notes_newest_first_or_after_an_id) {
  for (const auto* key : {"a", "b", "c"}) post(key, hello);
  EXPECT_THAT(ask("GET", "/api/v1/notes?limit=1").body, HasSubstr("\"id\":3"));
  const auto after = ask("GET", "/api/v1/notes?after=1&limit=1").body;
  EXPECT_THAT(after, HasSubstr("\"id\":2"));
  for (const auto* query : {"limit=0", "limit=501", "limit=x", "after=-1", "after=1x", "order=up", "limit="}) {
    EXPECT_EQ(ask("GET", std::string("/api/v1/notes?") + query).status, 400U) << query;
  }
}

TEST_F(ApplicationTest, readiness_survives_a_failover_but_not_the_end) {
  readiness_.database_failed("connection refused");
  auto ready = ask("GET", "/readyz");
  EXPECT_EQ(ready.status, 200U);
  EXPECT_THAT(ready.body, HasSubstr("connection refused"));
  readiness_.drain();
  ready = ask("GET", "/readyz");
  EXPECT_EQ(ready.status, 503U);
  EXPECT_THAT(ready.body, HasSubstr("\"failing\":[\"serving\"]"));
  EXPECT_EQ(ask("GET", "/healthz").status, 200U);
}

TEST_F(ApplicationTest, passes_on_the_state_of_the_site) {
  EXPECT_EQ(ask("GET", "/api/v1/site").body, R"({"site":"harbour"})");
  site_.is_silent = true;
  EXPECT_EQ(ask("GET", "/api/v1/site").status, 503U);
}

TEST_F(ApplicationTest, greets_orchestrators_on_their_own_listener) {
  const auto hello_answer =
      testing::run_task(loop_, application_.handle_orchestrator({.method = "GET", .target = "/hello"}, {}));
  EXPECT_EQ(hello_answer.body, R"({"manager":"ccm1"})");
  EXPECT_EQ(testing::run_task(loop_, application_.handle_orchestrator({.method = "GET", .target = "/"}, {})).status,
            404U);
}

}  // namespace
}  // namespace gemel::manager
