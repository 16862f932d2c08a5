#include "core/record.h"

namespace gemel::core {

std::string_view to_string(RecordState state) {
  switch (state) {
    case RecordState::normal:
      return "normal";
    case RecordState::resigned:
      return "resigned";
    case RecordState::paused:
      return "paused";
  }
  return "normal";
}

}  // namespace gemel::core
