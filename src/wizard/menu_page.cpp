#include "wizard/menu_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "wizard/form_check.h"
#include "wizard/site_kind.h"

namespace gemel::wizard {
namespace {

using finalcut::FPoint;
using finalcut::FSize;

constexpr int open = -3;

enum class State : unsigned char { done, untouched, open };

/// One per screen. What has a default only is untouched: nothing is wrong with it, and nobody has looked.
std::vector<State> states_of(const Answers& answers) {
  std::set<std::string> mistaken;
  for (const auto& mistake : judge(answers).mistakes) mistaken.insert(mistake.field);
  std::vector<State> states;
  for (const auto& screen : screens_of(answers)) {
    auto state = State::done;
    for (const auto& field : screen.fields) {
      if (mistaken.contains(field.id)) state = State::open;
      if (state == State::done && !answers.values.contains(field.id)) state = State::untouched;
    }
    states.push_back(state);
  }
  return states;
}

const char* mark_of(State state) {
  switch (state) {
    case State::done:
      return "[ok]";
    case State::untouched:
      return "[  ]";
    case State::open:
      return "[!!]";
  }
  return "";
}

}  // namespace

std::size_t first_open_screen(const Answers& answers) {
  const auto states = states_of(answers);
  return static_cast<std::size_t>(std::ranges::find(states, State::open) - states.begin());
}

std::size_t screen_of(const Answers& answers, const std::string& field) {
  const auto screens = screens_of(answers);
  const auto has_field = [&](const Screen& screen) {
    return std::ranges::find(screen.fields, field, &Field::id) != screen.fields.end();
  };
  const auto found = std::ranges::find_if(screens, has_field);
  return found == screens.end() ? 0 : static_cast<std::size_t>(found - screens.begin());
}

MenuPage::MenuPage(finalcut::FWidget* parent, const Answers& answers, std::size_t chosen)
    : Page(parent, is_highly_available(kind_of(answers)) ? "Gemel - Configure CCM HA" : "Gemel - Configure CCM") {
  list_.setGeometry(FPoint{2, 1}, FSize{page_width, 17});
  const auto states = states_of(answers);
  const auto screens = screens_of(answers);
  for (std::size_t i = 0; i < screens.size(); ++i)
    list_.insert(finalcut::FListBoxItem(fmt::format("{} {}", mark_of(states[i]), screens[i].title)));
  list_.insert(finalcut::FListBoxItem("     Summary, plan and set-up"));
  list_.setCurrentItem(std::min(chosen, screens.size()) + 1);
  list_.addCallback("clicked", [this] { finish(static_cast<int>(list_.currentItem()) - 1); });
  add_label("[!!] something is needed   [  ] defaults, not looked at   [ok] answered", 19, 1);
  add_button("&Open", open);
  add_button("&Quit", quit);
  set_way_out(quit);
  list_.setFocus();
}

int MenuPage::choose() {
  const auto value = run();
  return value == open ? static_cast<int>(list_.currentItem()) - 1 : value;
}

}  // namespace gemel::wizard
