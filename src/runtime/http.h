// HTTP/1.1 messages in standard types, so that no header outside runtime/http_*.cpp sees Beast.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace gemel::runtime {

/// Header names in lower case.
using Headers = std::map<std::string, std::string>;

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";  // path and query
  Headers headers = {};
  std::string body = {};
};

struct HttpResponse {
  unsigned status = 200;
  Headers headers = {};
  std::string body = {};
};

/// What is known of the other end of a connection.
struct Peer {
  std::string address = {};  // IP, empty on a local socket
  bool is_local_socket = false;
  std::string common_name = {};        // subject CN of the verified certificate; empty without one
  std::vector<std::string> uris = {};  // URI subject alternative names of the verified certificate
};

/// Path without the query, and the decoded query parameters.
struct Target {
  std::string path;
  std::map<std::string, std::string> query;
};
Target parse_target(const std::string& target);

HttpResponse json_response(unsigned status, std::string body);
/// RFC 9457 problem document.
HttpResponse problem(unsigned status, const std::string& code, const std::string& detail);

}  // namespace gemel::runtime
