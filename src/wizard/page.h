// What every screen is: a dialog over the whole terminal with a row of buttons, shown until one of them is chosen.
// Private to this folder.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wizard/final_cut.h"

namespace gemel::wizard {

/// The terminal. One at a time; its constructor takes the terminal, its destructor gives it back.
class Terminal : public finalcut::FApplication {
 public:
  Terminal(int& argument_count, char** arguments) : FApplication(argument_count, arguments) {}
  /// Called many times a second while a page is shown.
  void set_turn(std::function<void()> turn) { turn_ = std::move(turn); }
  /// Ctrl-C was pressed: every page ends at once, and no further one is to be shown.
  [[nodiscard]] bool is_interrupted() const { return is_interrupted_; }
  void interrupt() { is_interrupted_ = true; }

 protected:
  void processExternalUserEvent() override {
    if (turn_) turn_();
  }

 private:
  std::function<void()> turn_;
  bool is_interrupted_ = false;
};

class Page : public finalcut::FDialog {
 public:
  Page(finalcut::FWidget* parent, const std::string& title);

  /// Shows the page until finish(), and gives its value. Once: a page that was hidden is not drawn whole again.
  int run();
  void finish(int value);
  /// Buttons stand in one row from the left, in this order. `label` has & before its key.
  void add_button(const std::string& label, int value);
  /// For a page without anything else to type into. Pre: there is a button.
  void focus_button();
  /// What Escape means here; without it Escape does nothing.
  void set_way_out(int value) { way_out_ = value; }

 protected:
  /// Asked when a button is pressed; false: the page stays.
  virtual bool may_finish(int value);
  void onKeyPress(finalcut::FKeyEvent* event) override;
  void onClose(finalcut::FCloseEvent* event) override;
  finalcut::FLabel* add_label(const std::string& text, int row, int rows);

 private:
  static constexpr int nothing = -1;
  std::vector<std::unique_ptr<finalcut::FLabel>> labels_;
  std::vector<std::unique_ptr<finalcut::FButton>> buttons_;
  int next_button_ = 2;
  int value_ = nothing;
  int way_out_ = nothing;
};

inline constexpr int page_width = 76;  // of what stands inside a page
inline constexpr int button_row = 21;  // from 1
inline constexpr int text_rows = 18;   // above the buttons

/// A text that can be scrolled, and buttons.
class TextPage : public Page {
 public:
  TextPage(finalcut::FWidget* parent, const std::string& title, const std::string& text);

 private:
  finalcut::FTextView view_{this};
};

}  // namespace gemel::wizard
