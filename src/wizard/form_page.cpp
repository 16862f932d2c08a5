#include "wizard/form_page.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/text.h"
#include "wizard/form_check.h"
#include "wizard/text_wrap.h"

namespace gemel::wizard {
namespace {

using finalcut::FPoint;
using finalcut::FSize;

constexpr int label_width = 27;
constexpr int input_column = 30;
constexpr std::size_t input_width = 46;
constexpr int help_row = 17;
constexpr int help_rows = 3;

}  // namespace

/// Tells the page when it is entered and left.
class FormPage::Input : public finalcut::FLineEdit {
 public:
  Input(FormPage* page) : FLineEdit(page), page_(page) {}

 protected:
  void onFocusIn(finalcut::FFocusEvent* event) override {
    FLineEdit::onFocusIn(event);
    page_->entered(*this);
  }
  void onFocusOut(finalcut::FFocusEvent* event) override {
    FLineEdit::onFocusOut(event);
    page_->left(*this);
  }

 private:
  FormPage* page_;
};

FormPage::FormPage(finalcut::FWidget* parent, const Screen& screen, Answers& answers,
                   const std::function<void(const Answers&)>& save, const std::string& focus)
    : Page(parent, screen.title), answers_(answers), save_(save) {
  const auto text = wrapped(screen.text, page_width);
  const auto text_lines = text.empty() ? 0 : static_cast<int>(split(text, '\n').size());
  if (text_lines > 0) add_label(text, 1, text_lines);
  auto line = text_lines == 0 ? 1 : text_lines + 2;
  for (const auto& field : screen.fields) {
    add_row(field, line);
    line += 2;
  }
  if (!rows_.empty()) help_ = add_label("", help_row, help_rows);
  add_button("&Next", next);
  add_button("&Back", back);
  add_button("&Menu", menu);
  set_way_out(menu);
  if (rows_.empty()) focus_button();
  for (const auto& row : rows_) {
    if (focus.empty() || row->field.id == focus) {
      row->input->setFocus();
      show_help(*row);
      break;
    }
  }
}

FormPage::~FormPage() = default;

void FormPage::add_row(const Field& field, int line) {
  auto& row = *rows_.emplace_back(std::make_unique<Row>());
  row.field = field;
  row.label = std::make_unique<finalcut::FLabel>(field.label, this);
  row.label->setGeometry(FPoint{2, line}, FSize{label_width, 1});
  row.input = std::make_unique<Input>(this);
  row.input->setGeometry(FPoint{input_column, line}, FSize{input_width, 1});
  row.input->unsetShadow();
  if (field.kind == FieldKind::secret) row.input->setInputType(finalcut::FLineEdit::InputType::Password);
  row.input->setText(value_of(answers_, field));
  row.input->addCallback("activate", [this] { focusNextChild(); });
  row.mistake = std::make_unique<finalcut::FLabel>("", this);
  row.mistake->setGeometry(FPoint{input_column, line + 1}, FSize{input_width, 1});
  row.mistake->setForegroundColor(finalcut::FColor::Red);
}

FormPage::Row* FormPage::row_of(const Input& input) {
  const auto found = std::ranges::find_if(rows_, [&](const auto& row) { return row->input.get() == &input; });
  return found == rows_.end() ? nullptr : found->get();
}

bool FormPage::take(Row& row) {
  const auto typed = row.input->getText().toString();
  const std::string value(trim(typed));
  row.reason = check_value(answers_, row.field, value);
  const bool is_long = row.reason.size() > input_width;
  row.mistake->setText(is_long ? row.reason.substr(0, input_width - 3) + "..." : row.reason);
  row.mistake->redraw();
  if (!row.reason.empty()) return false;
  const auto found = answers_.values.find(row.field.id);
  if (found == answers_.values.end() || found->second != value) {
    answers_.values[row.field.id] = value;
    save_(answers_);
  }
  return true;
}

void FormPage::show_help(const Row& row) {
  auto text = row.reason.empty() ? row.field.help : row.reason;
  if (row.reason.empty() && !row.field.choices.empty()) text += " Choices: " + join(row.field.choices, ", ") + ".";
  std::ranges::replace(text, '\n', ' ');
  auto lines = split(wrapped(text, page_width), '\n');
  // A label does not clear the lines that a longer text has left.
  lines.resize(help_rows, " ");
  help_->setText(join(lines, "\n"));
  help_->redraw();
}

void FormPage::entered(const Input& input) {
  if (const auto* row = row_of(input); row != nullptr && help_ != nullptr) show_help(*row);
}

void FormPage::left(const Input& input) {
  auto* row = row_of(input);
  if (row == nullptr) return;
  take(*row);
  // The focus may stay when the page is left: what is wrong is said where it is read.
  if (!row->reason.empty() && help_ != nullptr) show_help(*row);
}

/// Everything is taken that can be, whichever way the page is left; "next" only leads on when all was.
bool FormPage::may_finish(int choice) {
  Row* first_wrong = nullptr;
  for (const auto& row : rows_) {
    const bool is_default = !answers_.values.contains(row->field.id);
    // Leaving for the menu answers nothing that was not typed.
    if (choice != next && is_default && row->input->getText().toString() == value_of(answers_, row->field)) continue;
    if (!take(*row) && first_wrong == nullptr) first_wrong = row.get();
  }
  if (choice != next || first_wrong == nullptr) return true;
  first_wrong->input->setFocus();
  first_wrong->input->redraw();
  show_help(*first_wrong);
  return false;
}

}  // namespace gemel::wizard
