// FakeProbe: who is silent when asked is known at the next look.
#include "adapters/service/fake_probe.h"

#include <utility>

namespace gemel::adapters::service {

std::optional<Look> FakeProbe::look() {
  Look next{targets_.size(), {}};
  for (const auto& target : targets_) {
    if (silent_.contains(target)) next.silent.push_back(target);
  }
  return std::exchange(asked_, std::move(next));
}

}  // namespace gemel::adapters::service
