// URLs of the few web services that a site's programs call, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace gemel::site {

struct WebUrl {
  bool is_tls = true;
  std::string host;  // name or address; IPv6 without brackets
  std::uint16_t port = 443;
  std::string path;  // "" or "/...", never with a slash at its end
  /// "host", or "host:port" when it is not the scheme's own port, as a Host header.
  [[nodiscard]] std::string host_header() const;
  /// This machine itself.
  [[nodiscard]] bool is_loopback() const;
  bool operator==(const WebUrl&) const = default;
};

/// "https://host[:port][/path]", or http. Nullopt for anything else, a query and a user among it. Pure.
std::optional<WebUrl> parse_web_url(const std::string& text);

}  // namespace gemel::site
