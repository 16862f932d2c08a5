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
constexpr std::size_t bar_width = 34;
constexpr std::size_t doing_width = 24;

std::string shortened(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 3) + "...";
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
    row.bar = std::make_unique<finalcut::FProgressbar>(this);
    row.bar->setGeometry(FPoint{17, line}, FSize{bar_width, 1});
    row.bar->unsetShadow();
    row.bar->setPercentage(0);
    row.doing = std::make_unique<finalcut::FLabel>("", this);
    row.doing->setGeometry(FPoint{53, line}, FSize{doing_width, 1});
    rows_.push_back(std::move(row));
  }
  add_label(fmt::format("Log: {}", shortened(runner.text(), page_width - 5)), 20, 1);
}

void ProgressPage::update() {
  for (std::size_t i = 0; i < std::min(rows_.size(), runner_.hosts().size()); ++i) {
    const auto& host = runner_.hosts()[i];
    auto& row = rows_[i];
    const auto percent = host.done * 100 / std::max<std::size_t>(host.steps, 1);
    if (percent != row.shown) {
      row.shown = percent;
      row.bar->setPercentage(percent);
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
