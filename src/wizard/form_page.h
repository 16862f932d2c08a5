// One screen of the form as a dialog: a line per field, its mistake below it, help for the field that is being typed.
// Private to this folder.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wizard/form.h"
#include "wizard/page.h"

namespace gemel::wizard {

class FormPage : public Page {
 public:
  enum Choice : int { back, menu, next };

  /// `answers` and `save` outlive the page. `focus`: id of the field to begin with; empty: the first.
  FormPage(finalcut::FWidget* parent, const Screen& screen, Answers& answers,
           const std::function<void(const Answers&)>& save, const std::string& focus = {});
  ~FormPage() override;

  /// Shows the page; `next` only when every answer was taken.
  Choice fill_in() { return static_cast<Choice>(run()); }

 protected:
  bool may_finish(int choice) override;

 private:
  class Input;
  struct Row {
    Field field;
    std::unique_ptr<finalcut::FLabel> label;
    std::unique_ptr<Input> input;
    std::unique_ptr<finalcut::FLabel> mistake;
    std::string reason;  // the whole sentence
  };
  void add_row(const Field& field, int line);
  /// Takes what is typed there, or shows why not.
  bool take(Row& row);
  void show_help(const Row& row);
  void left(const Input& input);
  void entered(const Input& input);
  Row* row_of(const Input& input);

  Answers& answers_;
  const std::function<void(const Answers&)>& save_;
  std::vector<std::unique_ptr<Row>> rows_;
  finalcut::FLabel* help_ = nullptr;
};

}  // namespace gemel::wizard
