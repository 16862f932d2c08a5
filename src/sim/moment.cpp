#include "sim/moment.h"

#include <array>
#include <string_view>

namespace gemel::sim {

std::string describe(Moment moment) {
  static constexpr std::array<std::string_view, 6> names{"sent", "applied", "begun", "ended", "opened", "quiesced"};
  std::string text(names[static_cast<std::size_t>(moment.kind)]);
  if (moment.kind == MomentKind::swap_sent || moment.kind == MomentKind::swap_applied)
    text += " " + std::string(to_string(static_cast<core::SwapPurpose>(moment.what)));
  if (moment.kind == MomentKind::begun || moment.kind == MomentKind::ended)
    text += " action " + std::to_string(moment.what);
  return text;
}

}  // namespace gemel::sim
