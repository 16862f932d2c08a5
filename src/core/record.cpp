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

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::none:
      return "none";
    case Cause::first:
      return "first";
    case Cause::failover:
      return "failover";
    case Cause::crash:
      return "crash";
    case Cause::switchover:
      return "switchover";
    case Cause::stop:
      return "stop";
    case Cause::sick:
      return "sick";
    case Cause::slow:
      return "slow";
    case Cause::service:
      return "service";
    case Cause::force:
      return "force";
  }
  return "none";
}

}  // namespace gemel::core
