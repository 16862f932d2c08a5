// The order of a rotation, what it survives, and that no secret is an argument. Against machines: tests/machines.
#include "setup/password_rotation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/text.h"
#include "runtime/files.h"
#include "runtime/test_loop.h"
#include "setup/fake_remote.h"
#include "site/test_sites.h"

namespace gemel::setup {
namespace {

using runtime::CommandResult;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* former = "former_former_former_former";

class PasswordRotationTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/gemel-rotation-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    secrets = name;
    ASSERT_TRUE(runtime::write_file_durably(secrets / "application.password", std::string(former) + "\n", 0600));
  }
  void TearDown() override { std::filesystem::remove_all(secrets); }

  Status rotate(FakeRemote& remote) {
    Status outcome;
    PasswordRotation rotation(&remote, &site, secrets, [this](const std::string& line) { lines.push_back(line); });
    loop.run(keep(&rotation, &outcome));
    return outcome;
  }
  [[nodiscard]] std::string present() const {
    return std::string(trim(*runtime::read_file(secrets / "application.password")));
  }
  [[nodiscard]] bool is_begun() const { return std::filesystem::exists(secrets / "application.password.next"); }

  /// What a command is for, and where: "ccm1 put application.password.next".
  static std::string text_of(const FakeRemote::Call& call) {
    const auto& words = call.command.arguments;
    if (words.front() == "rm") return call.host + " rm " + words.back();
    if (words[2].contains("pg_is_in_recovery")) return call.host + " set";
    if (words[2].contains("log_in")) return call.host + " check";
    return call.host + " put " + words[4].substr(words[4].rfind('/') + 1);
  }
  static std::vector<std::string> texts_of(const FakeRemote& remote) {
    std::vector<std::string> texts;
    for (const auto& call : remote.calls()) texts.push_back(text_of(call));
    return texts;
  }

  site::Site site = *site::parse_site(site::test::good_site(), "site.toml").site;
  std::filesystem::path secrets;
  std::vector<std::string> lines;
  runtime::TestLoop loop;

 private:
  static runtime::Task<void> keep(PasswordRotation* rotation, Status* outcome) { *outcome = co_await rotation->run(); }
};

/// db1 is a standby; everything else succeeds.
Result<CommandResult> answer(const FakeRemote::Call& call) {
  CommandResult result;
  result.exit_code = 0;
  if (call.host == "db1" && call.command.arguments[2].contains("pg_is_in_recovery")) result.exit_code = 10;
  return result;
}

TEST_F(PasswordRotationTest, the_managers_know_both_before_the_database_knows_the_next) {
  FakeRemote remote(answer);
  const auto outcome = rotate(remote);
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_THAT(
      texts_of(remote),
      ElementsAre("ccm1 put application.password.next", "ccm2 put application.password.next", "db1 set", "db2 set",
                  "ccm1 put application.password", "ccm2 put application.password", "db1 put application.password",
                  "db2 put application.password", "db2 check", "ccm1 rm /etc/gemel/secrets/application.password.next",
                  "ccm2 rm /etc/gemel/secrets/application.password.next"));
  EXPECT_NE(present(), former);
  EXPECT_FALSE(is_begun());
  EXPECT_EQ(remote.calls()[4].command.input, present() + "\n");
}

TEST_F(PasswordRotationTest, no_password_is_an_argument_and_the_database_gets_a_verifier_only) {
  FakeRemote remote(answer);
  ASSERT_TRUE(rotate(remote));
  for (const auto& call : remote.calls()) {
    for (const auto& word : call.command.arguments) {
      EXPECT_THAT(word, Not(HasSubstr(former)));
      EXPECT_THAT(word, Not(HasSubstr(present())));
    }
  }
  EXPECT_THAT(remote.calls()[3].command.input, HasSubstr("PASSWORD 'SCRAM-SHA-256$4096:"));
  EXPECT_THAT(remote.calls()[3].command.input, Not(HasSubstr(present())));
  for (const auto& line : lines) EXPECT_THAT(line, Not(HasSubstr(present())));
}

TEST_F(PasswordRotationTest, stopped_anywhere_it_goes_on_with_the_same_password) {
  std::string begun;
  for (std::size_t last = 0; last < 11; ++last) {
    std::size_t count = 0;
    FakeRemote remote([&](const FakeRemote::Call& call) -> Result<CommandResult> {
      if (count++ >= last) return fail(ErrorCode::unavailable, "gone");
      return answer(call);
    });
    EXPECT_FALSE(rotate(remote)) << last;
    if (last >= 9) break;  // only the spare copies are left
    EXPECT_EQ(present(), former) << last;
    ASSERT_TRUE(is_begun());
    const auto next = *runtime::read_file(secrets / "application.password.next");
    if (!begun.empty()) EXPECT_EQ(next, begun);
    begun = next;
  }
  EXPECT_EQ(present() + "\n", begun);
}

TEST_F(PasswordRotationTest, changes_nothing_when_no_host_is_primary) {
  FakeRemote remote([](const FakeRemote::Call& call) -> Result<CommandResult> {
    CommandResult result;
    result.exit_code = 0;
    if (call.command.arguments[2].contains("pg_is_in_recovery")) result.exit_code = 10;
    return result;
  });
  const auto outcome = rotate(remote);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::refused);
  EXPECT_EQ(present(), former);
  EXPECT_THAT(texts_of(remote), Not(testing::Contains("ccm1 put application.password")));
}

}  // namespace
}  // namespace gemel::setup
