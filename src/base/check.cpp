#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace gemel::base {

void check_failed(const char* file, int line, std::string_view condition) {
  std::fprintf(stderr, "%s:%d: check failed: %.*s\n", file, line, static_cast<int>(condition.size()), condition.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace gemel::base
