#include "base/error.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace gemel {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::timed_out:
      return "timed_out";
    case ErrorCode::refused:
      return "refused";
    case ErrorCode::conflict:
      return "conflict";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::invalid:
      return "invalid";
    case ErrorCode::denied:
      return "denied";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::unsupported:
      return "unsupported";
  }
  return "unavailable";
}

Error Error::with(std::string_view context) const {
  Error result = *this;
  result.message = std::string(context) + ": " + message;
  return result;
}

std::string Error::to_string() const {
  std::string text = message;
  if (system_error != 0) {
    char buffer[128];
    text += ": ";
    text += strerror_r(system_error, buffer, sizeof buffer);
  }
  return text + " (" + std::string(gemel::to_string(code)) + ")";
}

std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected(Error{code, std::move(message), 0});
}

std::unexpected<Error> fail_errno(int system_error, std::string message) {
  const ErrorCode code = system_error == EACCES || system_error == EPERM ? ErrorCode::denied
                         : system_error == ENOENT                        ? ErrorCode::not_found
                         : system_error == ETIMEDOUT                     ? ErrorCode::timed_out
                                                                         : ErrorCode::unavailable;
  return std::unexpected(Error{code, std::move(message), system_error});
}

}  // namespace gemel
