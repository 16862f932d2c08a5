// A probe without a network, for tests of what uses it.
#pragma once

#include <set>

#include "adapters/service/service_probe.h"

namespace gemel::adapters::service {

class FakeProbe final : public ServiceProbe {
 public:
  explicit FakeProbe(std::vector<std::string> targets) : targets_(std::move(targets)) {}

  std::optional<Look> look() override;

  /// These do not answer from the next question on.
  void set_silent(std::set<std::string> addresses) { silent_ = std::move(addresses); }

 private:
  std::vector<std::string> targets_;
  std::set<std::string> silent_;
  std::optional<Look> asked_;
};

}  // namespace gemel::adapters::service
