// AWS Signature Version 4 for a request with its parameters in the body or the query. Pure: no clock, no socket.
// The algorithm: AWS IAM user guide, "Create a signed AWS API request".
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "runtime/http.h"

namespace gemel::cloud {

/// What a role's temporary credentials consist of. Secret: never logged.
struct AwsKeys {
  std::string id;
  std::string secret;
  std::string session;  // x-amz-security-token; empty for keys without one
};

/// Where and when a signature holds.
struct SigningScope {
  std::string date_time;  // "20150830T123600Z", UTC
  std::string region;
  std::string service;  // "ec2"
};

/// The date as signatures want it; `since_1970` by the wall clock, which must not be off by more than five minutes.
std::string signing_time(std::chrono::milliseconds since_1970);

/// Every byte but letters, digits and "-._~" as %XX with capital digits (RFC 3986), as canonical requests and bodies
/// need it.
std::string percent_encoded(std::string_view text);

/// What is signed: method, path, sorted query, all headers of `request` (it must have "host"), hash of the body. A
/// query in which a name stands twice is not supported: the last one counts.
std::string canonical_request(const runtime::HttpRequest& request);
std::string string_to_sign(const SigningScope& scope, std::string_view canonical);
/// 64 hexadecimal digits.
std::string signature(const SigningScope& scope, std::string_view secret, std::string_view to_sign);

/// The request with x-amz-date, x-amz-security-token and authorization. Pre: `request` has a "host" header, as it will
/// go over the wire.
runtime::HttpRequest signed_request(runtime::HttpRequest request, const AwsKeys& keys, const SigningScope& scope);

}  // namespace gemel::cloud
