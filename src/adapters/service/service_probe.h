// Whether this host's network to its clients is alive: asks the machines that stand for their side, and counts answers.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace gemel::adapters::service {

/// What the targets answered to one question.
struct Look {
  std::size_t total = 0;
  std::vector<std::string> silent;  // addresses that did not answer, in the order of the configuration
  [[nodiscard]] std::size_t reachable() const { return total - silent.size(); }
};

/// Loop thread only. Nothing survives the object.
class ServiceProbe {
 public:
  ServiceProbe() = default;
  ServiceProbe(const ServiceProbe&) = delete;
  ServiceProbe& operator=(const ServiceProbe&) = delete;
  virtual ~ServiceProbe() = default;

  /// Counts who answered the question of the call before, and asks all targets again. The time between two calls is the
  /// time-out. Nothing at the first call. Never blocks, never fails: a target that cannot be asked is silent.
  virtual std::optional<Look> look() = 0;
};

}  // namespace gemel::adapters::service
