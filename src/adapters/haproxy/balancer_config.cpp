#include "adapters/haproxy/balancer_config.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "adapters/haproxy/config_writer.h"

namespace gemel::adapters::haproxy {
namespace {

// TLS 1.2 suites of Mozilla's "intermediate" list without the finite-field ones: forward secrecy and AEAD only.
constexpr std::string_view ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr std::string_view suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr std::string_view largest_body = "16777216";              // bytes a client may announce
constexpr std::string_view strict_transport = "max-age=31536000";  // a year, in seconds

std::string milliseconds(Duration time) {
  return fmt::format("{}ms", std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

bool is_v6(const std::string& address) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1;
}

bool is_address(const std::string& address) {
  std::array<unsigned char, 4> bytes{};
  return is_v6(address) || inet_pton(AF_INET, address.c_str(), bytes.data()) == 1;
}

/// With its port. Pre: an IP literal.
std::string endpoint(const std::string& address, std::uint16_t port) {
  return is_v6(address) ? fmt::format("ipv6@[{}]:{}", address, port) : fmt::format("ipv4@{}:{}", address, port);
}

std::vector<std::string> binds(const BalancerConfig& config, std::uint16_t port) {
  if (config.bind_addresses.empty()) return {fmt::format("*:{}", port)};
  std::vector<std::string> list;
  for (const auto& address : config.bind_addresses) list.push_back(endpoint(address, port));
  return list;
}

Status verify(const BalancerConfig& config) {
  const auto is_name = [](const std::string& name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char letter) {
      return std::isalnum(letter) != 0 || letter == '-' || letter == '.';
    });
  };
  if (config.managers.empty()) return fail(ErrorCode::invalid, "a balancer without managers");
  for (const auto& manager : config.managers) {
    if (!is_name(manager.name)) return fail(ErrorCode::invalid, "\"" + manager.name + "\" is no name of a manager");
    if (!is_address(manager.address)) return fail(ErrorCode::invalid, "\"" + manager.address + "\" is no IP address");
  }
  if (!is_name(config.dns_name)) return fail(ErrorCode::invalid, "\"" + config.dns_name + "\" is no DNS name");
  if (!std::all_of(config.bind_addresses.begin(), config.bind_addresses.end(), is_address)) {
    return fail(ErrorCode::invalid, "an address to listen on is no IP address");
  }
  if (config.statistics_password.empty() || config.statistics_user.empty() || config.statistics_user.contains(':')) {
    return fail(ErrorCode::invalid, "the statistics page needs a user without colon and a password");
  }
  return {};
}

void write_global(ConfigWriter& writer, const BalancerConfig& config) {
  writer.section({"global"});
  writer.line({"log", "stdout", "format", "raw", "local0"});
  writer.line(
      {"stats", "socket", config.admin_socket.string(), "mode", "600", "level", "admin", "expose-fd", "listeners"});
  writer.line({"stats", "timeout", "30s"});
  writer.line({"maxconn", std::to_string(config.max_connections)});
  // An old worker with long connections must not keep its old configuration for ever after a reload.
  writer.line({"hard-stop-after", "60s"});
  if (config.user) {
    writer.line({"user", *config.user});
    writer.line({"group", *config.user});
  }
  for (const std::string_view side : {"bind", "server"}) {
    writer.line({fmt::format("ssl-default-{}-options", side), "ssl-min-ver", "TLSv1.2", "no-tls-tickets"});
    writer.line({fmt::format("ssl-default-{}-ciphers", side), ciphers});
    writer.line({fmt::format("ssl-default-{}-ciphersuites", side), suites});
  }
  writer.line({"ssl-server-verify", "required"});
}

void write_defaults(ConfigWriter& writer, const BalancerConfig& config) {
  writer.section({"defaults"});
  writer.line({"log", "global"});
  writer.line({"mode", "http"});
  writer.line({"option", "httplog"});
  writer.line({"option", "dontlognull"});
  writer.line({"option", "http-keep-alive"});
  writer.line({"timeout", "connect", "1s"});
  writer.line({"timeout", "client", "60s"});
  writer.line({"timeout", "server", milliseconds(config.server_timeout)});
  writer.line({"timeout", "http-request", "10s"});
  writer.line({"timeout", "http-keep-alive", "60s"});
  writer.line({"timeout", "queue", "10s"});
  writer.line({"timeout", "check", "1s"});
  writer.line({"timeout", "tunnel", "1h"});
}

void write_frontend(ConfigWriter& writer, const BalancerConfig& config) {
  writer.section({"frontend", "https-in"});
  for (const auto& bind : binds(config, config.https)) {
    writer.line({"bind", bind, "ssl", "crt", config.certificate.string(), "alpn", "h2,http/1.1"});
  }
  writer.line({"unique-id-format", "%[uuid()]"});
  writer.line({"http-request", "deny", "deny_status", "413", "if", "{", "req.hdr_val(content-length)", "gt",
               largest_body, "}"});
  // What a client claims about itself is replaced, so that managers can believe these headers.
  writer.line({"http-request", "set-header", "X-Request-ID", "%[unique-id]"});
  writer.line({"http-request", "set-header", "X-Forwarded-For", "%[src]"});
  writer.line({"http-request", "set-header", "X-Forwarded-Proto", "https"});
  writer.line({"http-after-response", "set-header", "X-Request-ID", "%[unique-id]"});
  writer.line({"http-after-response", "set-header", "Strict-Transport-Security", strict_transport});
  writer.line({"default_backend", "managers"});
}

void write_managers(ConfigWriter& writer, const BalancerConfig& config) {
  writer.section({"backend", "managers"});
  writer.line({"balance", "roundrobin"});
  writer.line({"cookie", "SVR", "insert", "preserve", "nocache", "httponly", "secure"});
  writer.line({"http-reuse", "safe"});
  writer.line({"option", "redispatch", "1"});
  writer.line({"retries", "3"});
  writer.line({"retry-on", "conn-failure", "empty-response"});
  // Only a request that may run twice is sent twice. Its body must be here as a whole to be sent again.
  writer.line({"option", "http-buffer-request"});
  writer.line({"http-request", "disable-l7-retry", "unless", "METH_GET", "or", "{", "req.hdr(Idempotency-Key)", "-m",
               "found", "}"});
  writer.line({"option", "httpchk"});
  writer.line(
      {"http-check", "send", "meth", "GET", "uri", "/readyz", "ver", "HTTP/1.1", "hdr", "Host", config.dns_name});
  writer.line({"http-check", "expect", "status", "200"});
  writer.line({"default-server", "inter", milliseconds(config.check_interval), "fall", "2", "rise", "2",
               "on-marked-down", "shutdown-sessions"});
  for (const auto& manager : config.managers) {
    writer.line({"server", manager.name, endpoint(manager.address, manager.https), "cookie", manager.name, "check",
                 "check-sni", manager.name, "ssl", "verify", "required", "ca-file", config.manager_authority.string(),
                 "sni", fmt::format("str({})", manager.name), "verifyhost", manager.name});
  }
}

void write_orchestrators(ConfigWriter& writer, const BalancerConfig& config) {
  writer.section({"listen", "orchestrators"});
  for (const auto& bind : binds(config, config.orchestrators)) writer.line({"bind", bind});
  writer.line({"mode", "tcp"});
  writer.line({"option", "tcplog"});
  // Links stay open for days; the kernel's probes find a dead end.
  writer.line({"option", "clitcpka"});
  writer.line({"option", "srvtcpka"});
  writer.line({"timeout", "client", "1h"});
  writer.line({"timeout", "server", "1h"});
  writer.line({"option", "redispatch", "1"});
  writer.line({"balance", "roundrobin"});
  writer.line({"default-server", "inter", "1s", "fall", "2", "rise", "2", "on-marked-down", "shutdown-sessions"});
  for (const auto& manager : config.managers) {
    writer.line({"server", manager.name, endpoint(manager.address, manager.orchestrators), "check"});
  }
}

void write_statistics(ConfigWriter& writer, const BalancerConfig& config) {
  writer.section({"listen", "statistics"});
  for (const auto& bind : binds(config, config.statistics)) writer.line({"bind", bind});
  writer.line({"option", "dontlog-normal"});
  writer.line({"stats", "enable"});
  writer.line({"stats", "hide-version"});
  writer.line({"stats", "uri", "/haproxy_stats"});
  writer.line({"stats", "realm", "HAProxy Statistics"});
  writer.line({"stats", "auth", config.statistics_user + ":" + config.statistics_password});
  writer.line({"stats", "admin", "if", "TRUE"});
}

void write_redirect(ConfigWriter& writer, const BalancerConfig& config) {
  if (!config.redirect) return;
  writer.section({"frontend", "http-in"});
  for (const auto& bind : binds(config, *config.redirect)) writer.line({"bind", bind});
  writer.line({"option", "dontlog-normal"});
  writer.line({"http-request", "redirect", "scheme", "https", "code", "301"});
}

}  // namespace

Result<std::string> render_haproxy(const BalancerConfig& config) {
  if (const auto status = verify(config); !status) return std::unexpected(status.error());
  ConfigWriter writer;
  write_global(writer, config);
  write_defaults(writer, config);
  write_frontend(writer, config);
  write_managers(writer, config);
  write_orchestrators(writer, config);
  write_statistics(writer, config);
  write_redirect(writer, config);
  return writer.finish();
}

}  // namespace gemel::adapters::haproxy
