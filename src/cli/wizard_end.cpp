#include "cli/wizard_end.h"

#include <fmt/format.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>

namespace gemel::cli {
namespace {

constexpr int interrupted = 130;

// A signal handler sees nothing else, and may call only what is safe there: write, tcsetattr, _exit.
std::string farewell;
termios settings_before{};
bool has_settings = false;

void end_at_once(int) {
  if (has_settings) ::tcsetattr(STDIN_FILENO, TCSANOW, &settings_before);
  static_cast<void>(!::write(STDERR_FILENO, farewell.data(), farewell.size()));
  ::_exit(interrupted);
}

}  // namespace

std::string resume_hint(const std::string& draft, const std::string& command) {
  return fmt::format("The answers are kept in {}; \"{}\" goes on with them.\n", draft, command);
}

void end_on_interrupt(const std::string& text) {
  farewell = "\n" + text;
  has_settings = ::isatty(STDIN_FILENO) == 1 && ::tcgetattr(STDIN_FILENO, &settings_before) == 0;
  struct sigaction action{};
  action.sa_handler = end_at_once;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
}

void end_as_interrupted(const std::string& text) {
  std::fflush(stdout);
  std::fputs(text.c_str(), stderr);
  ::_exit(interrupted);
}

void set_echo(bool is_on) {
  termios settings{};
  if (::isatty(STDIN_FILENO) != 1 || ::tcgetattr(STDIN_FILENO, &settings) != 0) return;
  if (is_on) {
    settings.c_lflag |= ECHO;
  } else {
    settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  }
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings);
}

}  // namespace gemel::cli
