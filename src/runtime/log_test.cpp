#include "runtime/log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace gemel::runtime {
namespace {

// Each case runs in a process of its own: the log looks at its surroundings once.
class LogDeathTest : public testing::Test {
 protected:
  LogDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

[[noreturn]] void write_lines() {
  log_debug("hidden");
  log_info("first\nsecond");
  log_error("bad");
  _exit(0);
}

[[noreturn]] void write_to_journal() {
  struct stat status{};
  fstat(STDERR_FILENO, &status);
  setenv("JOURNAL_STREAM", (std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino)).c_str(), 1);
  write_lines();
}

[[noreturn]] void write_with_stale_variable() {
  setenv("JOURNAL_STREAM", "1:1", 1);
  write_lines();
}

[[noreturn]] void write_debug() {
  setenv("GEMEL_LOG", "debug", 1);
  write_lines();
}

TEST_F(LogDeathTest, a_message_is_one_line_with_a_time_stamp) {
  EXPECT_EXIT(write_lines(), testing::ExitedWithCode(0),
              "^[0-9T:.-]+Z info first\\\\nsecond\n[0-9T:.-]+Z error bad\n$");
}
TEST_F(LogDeathTest, the_journal_gets_priorities) {
  EXPECT_EXIT(write_to_journal(), testing::ExitedWithCode(0), "^<6>first\\\\nsecond\n<3>bad\n$");
}
TEST_F(LogDeathTest, a_redirected_standard_error_is_not_the_journal) {
  EXPECT_EXIT(write_with_stale_variable(), testing::ExitedWithCode(0), "Z error bad\n$");
}
TEST_F(LogDeathTest, the_environment_can_ask_for_debug) {
  EXPECT_EXIT(write_debug(), testing::ExitedWithCode(0), "Z debug hidden\n");
}

}  // namespace
}  // namespace gemel::runtime
