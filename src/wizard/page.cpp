#include "wizard/page.h"

#include <cstddef>
#include <utility>

#include "base/text.h"
#include "wizard/screens.h"

namespace gemel::wizard {

using finalcut::FPoint;
using finalcut::FSize;

Page::Page(finalcut::FWidget* parent, const std::string& title) : FDialog(parent) {
  FDialog::setText(title);
  setGeometry(FPoint{1, 1}, FSize{screen_columns, screen_rows});
  unsetShadow();
  unsetTitlebarButtonVisibility();
  setModal();
}

int Page::run() {
  value_ = nothing;
  exec();
  return value_ == nothing ? way_out_ : value_;
}

void Page::finish(int value) {
  value_ = value;
  done(ResultCode::Accept);
}

void Page::add_button(const std::string& label, int value) {
  auto& button = buttons_.emplace_back(std::make_unique<finalcut::FButton>(label, this));
  const auto width = static_cast<int>(label.size()) + 3;
  button->setGeometry(FPoint{next_button_, button_row}, FSize{static_cast<std::size_t>(width), 1});
  button->unsetShadow();
  next_button_ += width + 2;
  button->addCallback("clicked", [this, value] {
    if (may_finish(value)) finish(value);
  });
}

void Page::focus_button() { buttons_.front()->setFocus(); }

bool Page::may_finish(int) { return true; }

finalcut::FLabel* Page::add_label(const std::string& text, int row, int rows) {
  auto& label = labels_.emplace_back(std::make_unique<finalcut::FLabel>(text, this));
  label->setGeometry(FPoint{2, row}, FSize{page_width, static_cast<std::size_t>(rows)});
  return label.get();
}

void Page::onKeyPress(finalcut::FKeyEvent* event) {
  const auto key = event->key();
  if (key == finalcut::FKey::Ctrl_c) {
    event->accept();
    static_cast<Terminal*>(finalcut::FApplication::getApplicationObject())->interrupt();
    finish(way_out_);
    return;
  }
  if (key == finalcut::FKey::Escape && way_out_ != nothing) {
    event->accept();
    finish(way_out_);
    return;
  }
  FDialog::onKeyPress(event);
}

/// A page ends by its buttons only.
void Page::onClose(finalcut::FCloseEvent* event) { event->ignore(); }

TextPage::TextPage(finalcut::FWidget* parent, const std::string& title, const std::string& text) : Page(parent, title) {
  view_.setGeometry(FPoint{2, 1}, FSize{page_width, text_rows + 1});
  for (const auto& line : split(text, '\n')) view_.append(line.empty() ? " " : line);
  view_.setFocus();  // its keys scroll; buttons are reached by their own
}

}  // namespace gemel::wizard
