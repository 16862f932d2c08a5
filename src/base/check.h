// GEMEL_CHECK: what cannot happen. Active in every build; a failed check ends the process at once, because a
// controller that goes on with an impossible state is worse than one that restarts and claims again.
#pragma once

#include <string_view>

namespace gemel::base {

/// Writes the message to standard error and aborts. Never returns; safe on any thread.
[[noreturn]] void check_failed(const char* file, int line, std::string_view condition);

}  // namespace gemel::base

#define GEMEL_CHECK(condition)                                     \
  do {                                                             \
    if (!(condition)) [[unlikely]]                                 \
      ::gemel::base::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)
