#include "cli/stamp.h"

#include "runtime/task_scope.h"
#include "runtime/wall_clock.h"

namespace gemel::cli {

std::string stamp_of(std::string time) {
  time = time.substr(0, 19) + "Z";
  std::erase_if(time, [](char letter) { return letter == '-' || letter == ':'; });
  return time;
}

std::string now_stamp() { return stamp_of(runtime::wall_now()); }

}  // namespace gemel::cli
