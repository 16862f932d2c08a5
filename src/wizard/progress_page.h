// How far the hosts are while a plan is carried out: a bar per host. Private to this folder.
#pragma once

#include <memory>
#include <vector>

#include "wizard/page.h"
#include "wizard/runner.h"

namespace gemel::wizard {

class ProgressPage : public Page {
 public:
  static constexpr int stop = 9;  // what its only button means

  ProgressPage(finalcut::FWidget* parent, const std::string& title, const Runner& runner);
  /// Shows what the runner says now.
  void update();

 private:
  struct Row {
    std::unique_ptr<finalcut::FLabel> name;
    std::unique_ptr<finalcut::FLabel> bar;
    std::unique_ptr<finalcut::FLabel> doing;
    std::size_t shown = 0;  // percent
    std::string step;
  };
  const Runner& runner_;
  std::vector<Row> rows_;
};

}  // namespace gemel::wizard
