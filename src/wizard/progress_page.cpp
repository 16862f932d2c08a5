#include "wizard/progress_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace gemel::wizard {
namespace {

using finalcut::FPoint;
using finalcut::FSize;

constexpr int first_row = 3;
constexpr std::size_t most_rows = 16;  // a site of more hosts shows its first ones; the log has all
constexpr std::size_t name_width = 14;
constexpr std::size_t bar_width = 34;  // with its figure
constexpr std::size_t bar_length = 26;
constexpr std::size_t doing_width = 24;

std::string shortened(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 3) + "...";
}

/// Signs that every terminal has; the library's own bar takes two lines.
std::string bar_of(std::size_t percent) {
  const auto filled = percent * bar_length / 100;
  return fmt::format("[{}{}] {:>3} %", std::string(filled, '#'), std::string(bar_length - filled, '.'), percent);
}

}  // namespace

ProgressPage::ProgressPage(finalcut::FWidget* parent, const std::string& title, const Runner& runner)
    : Page(parent, title), runner_(runner) {
  add_label(title, 1, 1);
  const auto count = std::min(runner.hosts().size(), most_rows);
  for (std::size_t i = 0; i < count; ++i) {
    const auto line = first_row + static_cast<int>(i);
    Row row;
    row.name = std::make_unique<finalcut::FLabel>(shortened(runner.hosts()[i].name, name_width), this);
    row.name->setGeometry(FPoint{2, line}, FSize{name_width, 1});
    row.bar = std::make_unique<finalcut::FLabel>(bar_of(0), this);
    row.bar->setGeometry(FPoint{17, line}, FSize{bar_width, 1});
    row.doing = std::make_unique<finalcut::FLabel>("", this);
    row.doing->setGeometry(FPoint{53, line}, FSize{doing_width, 1});
    rows_.push_back(std::move(row));
  }
  add_label(fmt::format("Log: {}", shortened(runner.text(), page_width - 5)), 19, 1);
  add_button("&Stop", stop);
  focus_button();
}

void ProgressPage::update() {
  for (std::size_t i = 0; i < std::min(rows_.size(), runner_.hosts().size()); ++i) {
    const auto& host = runner_.hosts()[i];
    auto& row = rows_[i];
    const auto percent = host.done * 100 / std::max<std::size_t>(host.steps, 1);
    if (percent != row.shown) {
      row.shown = percent;
      row.bar->setText(bar_of(percent));
      row.bar->redraw();
    }
    if (host.doing != row.step) {
      row.step = host.doing;
      row.doing->setText(shortened(host.doing, doing_width));
      row.doing->redraw();
    }
  }
}

}  // namespace gemel::wizard
