#include "cloud/metadata.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <ctime>

namespace gemel::cloud {

namespace json = boost::json;

runtime::HttpRequest metadata_token_request() {
  runtime::HttpRequest request;
  request.method = "PUT";
  request.target = "/latest/api/token";
  request.headers["x-aws-ec2-metadata-token-ttl-seconds"] = "60";
  return request;
}

runtime::HttpRequest metadata_request(const std::string& token, const std::string& path) {
  runtime::HttpRequest request;
  request.target = "/latest/meta-data/" + path;
  request.headers["x-aws-ec2-metadata-token"] = token;
  return request;
}

std::string metadata_of_interface(const std::string& mac, const std::string& what) {
  return fmt::format("network/interfaces/macs/{}/{}", mac, what);
}

Result<AwsKeys> read_keys(const std::string& body, std::chrono::milliseconds now) {
  boost::system::error_code error;
  const auto document = json::parse(body, error);
  if (error || !document.is_object())
    return fail(ErrorCode::corrupt, "the keys of the instance's role are no JSON object");
  const auto text = [&](const char* name) {
    const auto* value = document.as_object().if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
  };
  if (const auto code = text("Code"); code != "Success") {
    return fail(ErrorCode::denied,
                fmt::format("the instance's role gives no keys ({}: {}): see that it exists and trusts "
                            "ec2.amazonaws.com",
                            code, text("Message")));
  }
  AwsKeys keys{text("AccessKeyId"), text("SecretAccessKey"), text("Token")};
  if (keys.id.empty() || keys.secret.empty())
    return fail(ErrorCode::corrupt, "the keys of the instance's role are not complete");
  const auto expiry = text("Expiration");
  if (const auto end = read_time(expiry); end.count() != 0 && end <= now) {
    return fail(ErrorCode::unavailable,
                fmt::format("the keys of the instance's role have expired ({}) and the metadata service has no newer "
                            "ones; or this host's clock is ahead",
                            expiry));
  }
  return keys;
}

std::chrono::milliseconds read_time(const std::string& text) {
  tm parts{};
  if (strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return {};
  return std::chrono::seconds(timegm(&parts));
}

}  // namespace gemel::cloud
