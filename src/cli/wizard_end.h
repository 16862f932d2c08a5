// How a wizard that is interrupted ends: it says where the draft is and how to go on. For the line by line mode; the
// screens restore the terminal themselves.
#pragma once

#include <string>

namespace gemel::cli {

/// "The answers are kept in FILE; gemel wizard --resume goes on with them."
std::string resume_hint(const std::string& draft, const std::string& command);

/// From now on SIGINT, SIGTERM and SIGHUP print `text` on standard error, give the terminal its echo back and end the
/// process at once with exit code 130. What is done on hosts at that moment goes on there; the next run finds it.
void end_on_interrupt(const std::string& text);

/// Ends the process with exit code 130 and `text` on standard error, whatever is going on: waiting for it could take as
/// long as a step.
[[noreturn]] void end_as_interrupted(const std::string& text);

/// Whether what is typed is shown; nothing happens without a terminal.
void set_echo(bool is_on);

}  // namespace gemel::cli
