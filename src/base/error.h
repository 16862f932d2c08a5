// Error and Result: how every function of Gemel that can fail says so. The code says what the caller can do;
// the message is for a person and gains context on the way up.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace gemel {

enum class ErrorCode : std::uint8_t {
  unavailable,  // try again, or elsewhere, later
  timed_out,    // the deadline passed; the effect is unknown
  refused,      // the other side said no, without effect
  conflict,     // somebody else changed it first
  not_found,
  invalid,  // the input is wrong and stays wrong
  denied,   // not allowed
  corrupt,  // data fails its own checks
  cancelled,
  unsupported,
};

struct Error {
  ErrorCode code = ErrorCode::unavailable;
  std::string message;
  int system_error = 0;  // errno, or 0

  /// The same error with "context: " before its message.
  [[nodiscard]] Error with(std::string_view context) const;
  /// "message (code)", with the text of errno where there is one.
  [[nodiscard]] std::string to_string() const;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

std::string_view to_string(ErrorCode code);

/// std::unexpected with an Error, for `return fail(ErrorCode::invalid, "...")`.
std::unexpected<Error> fail(ErrorCode code, std::string message);
/// The same from errno (`system_error`); EACCES/EPERM give `denied`, ENOENT `not_found`, others `unavailable`.
std::unexpected<Error> fail_errno(int system_error, std::string message);

}  // namespace gemel
