// A screen whose only question has a few answers that are sentences: a list to choose from. Private to this folder.
#pragma once

#include <functional>

#include "wizard/form.h"
#include "wizard/form_page.h"
#include "wizard/page.h"

namespace gemel::wizard {

class ChoicePage : public Page {
 public:
  /// `screen` has one field, with choice_texts. `answers` and `save` outlive the page.
  ChoicePage(finalcut::FWidget* parent, const Screen& screen, Answers& answers,
             const std::function<void(const Answers&)>& save);
  /// Shows the page; `next` only when the choice was taken. Leaving it otherwise answers nothing.
  FormPage::Choice choose() { return static_cast<FormPage::Choice>(run()); }

 protected:
  bool may_finish(int value) override;

 private:
  Field field_;
  Answers& answers_;
  const std::function<void(const Answers&)>& save_;
  finalcut::FListBox list_{this};
  finalcut::FLabel* note_ = nullptr;
};

}  // namespace gemel::wizard
