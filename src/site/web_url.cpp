#include "site/web_url.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>

#include "site/network_address.h"

namespace gemel::site {
namespace {

constexpr std::uint16_t https_port = 443;
constexpr std::uint16_t http_port = 80;

bool are_all(std::string_view text, std::string_view others) {
  return std::ranges::all_of(text, [&](char letter) {
    return std::isalnum(static_cast<unsigned char>(letter)) != 0 || others.contains(letter);
  });
}

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  return parsed.ec == std::errc{} && parsed.ptr == end && port != 0;
}

/// "[fd00::1]:80", "name:80", "10.0.0.1".
bool read_place(std::string_view place, WebUrl& url) {
  std::string_view port;
  if (place.starts_with('[')) {
    const auto end = place.find(']');
    if (end == std::string_view::npos) return false;
    url.host = place.substr(1, end - 1);
    port = place.substr(end + 1);
    const auto address = parse_address(url.host);
    if (!address || !address->is_v6) return false;
  } else {
    const auto colon = place.find(':');
    url.host = place.substr(0, colon);
    if (colon != std::string_view::npos) port = place.substr(colon);
    if (url.host.empty() || !are_all(url.host, "-.")) return false;
  }
  return port.empty() || (port.starts_with(':') && read_port(port.substr(1), url.port));
}

}  // namespace

std::string WebUrl::host_header() const {
  const auto name = host.contains(':') ? "[" + host + "]" : host;
  return port == (is_tls ? https_port : http_port) ? name : name + ":" + std::to_string(port);
}

bool WebUrl::is_loopback() const {
  return host == "localhost" || host == "::1" || (parse_address(host) && host.starts_with("127."));
}

std::optional<WebUrl> parse_web_url(const std::string& text) {
  WebUrl url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    url.is_tls = false;
    url.port = http_port;
  } else {
    return std::nullopt;
  }
  const auto slash = rest.find('/');
  if (slash != std::string_view::npos) url.path = rest.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  if (!are_all(url.path, "/-._~") || !read_place(rest.substr(0, slash), url)) return std::nullopt;
  return url;
}

}  // namespace gemel::site
