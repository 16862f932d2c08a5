// What gemel-address is asked for, and the time it has. Shared by the providers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/time.h"
#include "runtime/task_scope.h"

namespace gemel::cloud {

enum class Verb : std::uint8_t {
  take,   // the network shall lead to this host
  check,  // would it, if it were asked? Changes nothing
};

struct Order {
  Verb verb = Verb::take;
  std::string address;          // literal
  std::string epoch;            // digits; "0" with check
  std::string interface;        // "eth0"
  std::string mac;              // of the interface, "02:00:00:00:00:01", small letters
  std::string host_address;     // of this host in the site file
  std::filesystem::path notes;  // a directory of root's own for what the next call can use; may be missing
  TimePoint until;              // by then there is an answer, whatever it is
};

inline Duration left(const Order& order) { return order.until - runtime::boot_now(); }

}  // namespace gemel::cloud
