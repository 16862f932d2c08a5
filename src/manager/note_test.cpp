#include "manager/note.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manager/readiness.h"
#include "manager/retry.h"

namespace gemel::manager {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string reason(const std::string& body) {
  const auto note = parse_new_note(body, "key");
  return note ? "accepted" : note.error().message;
}

TEST(Note, accepts_what_fits) {
  EXPECT_EQ(reason(R"({"author":"Zoë","text":"line 1\nline 2 \ud83d\ude80"})"), "accepted");
  EXPECT_EQ(reason("{\"author\":\"a\",\"text\":\"" + std::string(max_text_length, 'x') + "\"}"), "accepted");
}

TEST(Note, says_what_does_not_fit) {
  EXPECT_THAT(reason("[]"), HasSubstr("must be an object"));
  EXPECT_THAT(reason(R"({"author":"a"})"), HasSubstr("\"text\" is missing"));
  EXPECT_THAT(reason(R"({"author":1,"text":"t"})"), HasSubstr("\"author\" must be a string"));
  EXPECT_THAT(reason(R"({"author":"  ","text":"t"})"), HasSubstr("must not be empty"));
  EXPECT_THAT(reason(R"({"author":"a","text":"t","id":7})"), HasSubstr("unknown member \"id\""));
  EXPECT_THAT(reason(R"({"author":"a","text":"nul \u0000"})"), HasSubstr("NUL"));
  EXPECT_THAT(reason("{\"author\":\"a\",\"text\":\"" + std::string(max_text_length + 1, 'x') + "\"}"),
              HasSubstr("at most 4000"));
}

TEST(Note, knows_malformed_utf8) {
  EXPECT_TRUE(is_storable_text("\xF0\x9F\x9A\x80"));
  for (const auto* text :
       {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "\xC3", "\xE2\x82"}) {
    EXPECT_FALSE(is_storable_text(text));
  }
  EXPECT_FALSE(is_storable_text(std::string(1, '\0')));
}

TEST(Note, bounds_the_key) {
  EXPECT_TRUE(check_idempotency_key("\"8e03978e-40d5\""));
  EXPECT_FALSE(check_idempotency_key(""));
  EXPECT_FALSE(check_idempotency_key("two words"));
  EXPECT_FALSE(check_idempotency_key(std::string(max_key_length + 1, 'k')));
}

TEST(Retry, gives_short_attempts_first_and_never_passes_the_end) {
  const RetryPolicy policy;
  EXPECT_EQ(attempt_limit(policy, 0ns), policy.first_attempts);
  EXPECT_EQ(attempt_limit(policy, 4s), policy.later_attempts);
  EXPECT_EQ(attempt_limit(policy, 9900ms), 100ms);
  EXPECT_FALSE(attempt_limit(policy, 10s));
  EXPECT_TRUE(is_final(ErrorCode::conflict));
  EXPECT_FALSE(is_final(ErrorCode::timed_out));
}

TEST(Readiness, forgives_a_silent_database_for_its_patience_only) {
  const TimePoint start{100s};
  ReadinessState state(start);
  EXPECT_TRUE(state.judge(start + 14s).is_ready) << "a manager starts without a database";
  state.database_answered(start + 14s);
  state.database_failed("gone");
  EXPECT_TRUE(state.judge(start + 28s).is_ready);
  EXPECT_FALSE(state.judge(start + 30s).is_ready);
  EXPECT_THAT(to_json(state.judge(start + 30s)), HasSubstr(R"("failing":["database"])"));
  state.database_answered(start + 31s);
  EXPECT_TRUE(state.judge(start + 31s).is_ready);
}

}  // namespace
}  // namespace gemel::manager
