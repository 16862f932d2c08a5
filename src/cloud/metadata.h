// EC2's instance metadata service, version 2 only: the paths that are asked for and what its answers mean. Pure.
// Source: Amazon EC2 user guide, "Instance metadata categories" and "Use IMDSv2".
#pragma once

#include <chrono>
#include <string>

#include "base/error.h"
#include "cloud/sigv4.h"
#include "runtime/http.h"

namespace gemel::cloud {

/// Asks for a session's token, which every other request carries; it is valid for a minute.
runtime::HttpRequest metadata_token_request();
runtime::HttpRequest metadata_request(const std::string& token, const std::string& path);

inline constexpr const char* metadata_region = "placement/region";
inline constexpr const char* metadata_domain = "services/domain";  // "amazonaws.com", "amazonaws.com.cn"
inline constexpr const char* metadata_role = "iam/security-credentials/";
/// "network/interfaces/macs/02:…/interface-id"
std::string metadata_of_interface(const std::string& mac, const std::string& what);

/// The role's keys from their JSON. `denied`: they were not given, with the service's own reason; `unavailable`: they
/// have expired by `now` (wall clock, since 1970), and no newer ones are there; `corrupt`.
Result<AwsKeys> read_keys(const std::string& body, std::chrono::milliseconds now);

/// "2026-01-31T12:00:00Z", with or without a fraction, since 1970; 0 for what is no such time.
std::chrono::milliseconds read_time(const std::string& text);

}  // namespace gemel::cloud
