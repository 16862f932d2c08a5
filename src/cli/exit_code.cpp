// From error codes to exit codes.
#include "cli/exit_code.h"

namespace gemel::cli {

ExitCode exit_code_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::unavailable:
      return ExitCode::unreachable;
    case ErrorCode::timed_out:
      return ExitCode::timed_out;
    case ErrorCode::refused:
    case ErrorCode::conflict:
      return ExitCode::refused;
    case ErrorCode::not_found:
      return ExitCode::not_found;
    case ErrorCode::invalid:
      return ExitCode::usage;
    case ErrorCode::denied:
      return ExitCode::denied;
    case ErrorCode::corrupt:
    case ErrorCode::cancelled:
    case ErrorCode::unsupported:
      return ExitCode::failed;
  }
  return ExitCode::failed;
}

}  // namespace gemel::cli
