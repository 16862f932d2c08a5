#include "runtime/wall_clock.h"

namespace gemel::runtime {

std::chrono::milliseconds wall_clock() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace gemel::runtime
