#include "wizard/choice_page.h"

#include <algorithm>
#include <cstddef>

#include "base/text.h"
#include "wizard/form_check.h"
#include "wizard/text_wrap.h"

namespace gemel::wizard {
namespace {

using finalcut::FPoint;
using finalcut::FSize;

constexpr int note_row = 9;
constexpr int note_rows = 8;

std::string note_of(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  auto lines = split(wrapped(text, page_width), '\n');
  // A label does not clear the lines that a longer text has left.
  lines.resize(note_rows, " ");
  return join(lines, "\n");
}

}  // namespace

ChoicePage::ChoicePage(finalcut::FWidget* parent, const Screen& screen, Answers& answers,
                       const std::function<void(const Answers&)>& save)
    : Page(parent, screen.title), field_(screen.fields.front()), answers_(answers), save_(save) {
  list_.setGeometry(FPoint{2, 1}, FSize{page_width, field_.choices.size() + 2});
  for (const auto& text : field_.choice_texts) list_.insert(finalcut::FListBoxItem(text));
  const auto chosen = std::ranges::find(field_.choices, value_of(answers, field_));
  if (chosen != field_.choices.end())
    list_.setCurrentItem(static_cast<std::size_t>(chosen - field_.choices.begin()) + 1);
  list_.addCallback("clicked", [this] {
    if (may_finish(FormPage::next)) finish(FormPage::next);
  });
  note_ = add_label(note_of(field_.help), note_row, note_rows);
  add_button("&Next", FormPage::next);
  add_button("&Back", FormPage::back);
  add_button("&Menu", FormPage::menu);
  set_way_out(FormPage::menu);
  list_.setFocus();
}

bool ChoicePage::may_finish(int value) {
  if (value != FormPage::next) return true;
  const auto& word = field_.choices.at(list_.currentItem() - 1);
  if (const auto reason = check_value(answers_, field_, word); !reason.empty()) {
    note_->setText(note_of(reason));
    note_->redraw();
    return false;
  }
  const auto answered = answers_.values.find(field_.id);
  if (answered == answers_.values.end() || answered->second != word) {
    answers_.values[field_.id] = word;
    save_(answers_);
  }
  return true;
}

}  // namespace gemel::wizard
