// The wizard's menu: every screen of the form with its state, then the summary. Private to this folder.
#pragma once

#include <cstddef>
#include <vector>

#include "wizard/form.h"
#include "wizard/page.h"

namespace gemel::wizard {

class MenuPage : public Page {
 public:
  static constexpr int quit = -2;

  /// `chosen`: the entry to begin at.
  MenuPage(finalcut::FWidget* parent, const Answers& answers, std::size_t chosen);
  /// The number of a screen, their count for the summary, or quit.
  int choose();

 private:
  finalcut::FListBox list_{this};
};

/// The first screen with something that must still be answered or mended; their count when there is none.
std::size_t first_open_screen(const Answers& answers);
/// The screen of a field; 0 when it has none.
std::size_t screen_of(const Answers& answers, const std::string& field);

}  // namespace gemel::wizard
