// The form line by line: for screen readers, serial lines and scripts. Asks on one stream and reads another; knows of
// no terminal.
#pragma once

#include <cstddef>
#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "wizard/form.h"

namespace gemel::wizard {

/// One filling in. Used by one thread; the streams outlive it.
class PlainDialogue {
 public:
  struct Hooks {
    std::function<void(const Answers&)> save = {};  // after each answer
    std::function<void(bool)> set_echo = {};        // off while a secret is typed
    // What would convert the site that runs without the wizard; see conversion_text().
    std::function<std::string(const Answers&)> convert_command = {};
  };
  enum class End : unsigned char { agreed, ended };  // ended: there was nothing more to read

  PlainDialogue(std::istream* in, std::ostream* out, Hooks hooks) : in_(in), out_(out), hooks_(std::move(hooks)) {}

  /// Asks for what is not answered yet, then shows the summary until it is agreed to.
  /// `agreed`: the answers are without a mistake. Blocks.
  End fill_in(Answers& answers);

 private:
  enum class Move : unsigned char { next, back, ended };
  struct Place {
    Screen screen;
    Field field;
    bool is_first = false;  // of its screen
  };
  static std::vector<Place> places_of(const Answers& answers);
  static std::size_t first_unanswered(const Answers& answers);
  bool is_kind_agreed(const Answers& answers, const std::string& kind);
  Move ask(Answers& answers, const Place& place);
  void show_help(const Field& field);
  bool read_line(const Field& field, std::string& line);
  End ask_from(Answers& answers, std::size_t at);
  std::optional<std::size_t> first_mistake(const Answers& answers);

  std::istream* in_;
  std::ostream* out_;
  Hooks hooks_;
  std::string shown_screen_;
};

}  // namespace gemel::wizard
