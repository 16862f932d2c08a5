// The form as screens of a terminal: a menu, a dialog per screen of the form, summary, plan, progress, and the page to
// write down. Includes nothing of the library that draws them.
#pragma once

#include <functional>

#include "wizard/runner.h"

namespace gemel::wizard {

inline constexpr unsigned screen_columns = 80;
inline constexpr unsigned screen_rows = 24;

enum class ScreensEnd : unsigned char {
  done,         // the site is set up, and the last page was seen
  quit,         // left before; `answers` is what was answered
  interrupted,  // by Ctrl-C; the runner may be in the middle of something
};

/// Runs until it is left. `save` is called whenever an answer was taken. Pre: standard input and output are a terminal
/// of at least 80 columns and 24 rows. Blocks; the terminal is as it was afterwards.
ScreensEnd run_screens(Answers& answers, Runner& runner, const std::function<void(const Answers&)>& save);

}  // namespace gemel::wizard
