#include "cloud/openstack_mover.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "cloud/notes.h"
#include "runtime/files.h"
#include "runtime/wall_clock.h"

namespace gemel::cloud {
namespace {

using runtime::Task;

constexpr const char* token_file = "openstack.token";
// A token that ends during the call would cost another exchange in the middle of it.
constexpr std::chrono::minutes token_reserve(5);

Result<std::string> read_secret(const std::filesystem::path& path) {
  const auto hint =
      fmt::format("the application credential's secret belongs in {}, one line, mode 0600", path.string());
  const auto text = runtime::read_file(path);
  if (!text) return std::unexpected(text.error().with(hint));
  std::error_code error;
  const auto mode = std::filesystem::status(path, error).permissions();
  if (!error && (mode & (std::filesystem::perms::group_all | std::filesystem::perms::others_all)) !=
                    std::filesystem::perms::none) {
    return fail(ErrorCode::invalid, fmt::format("{0} can be read by others than root: chmod 600 {0}", path.string()));
  }
  auto secret = std::string(trim(*text));
  if (secret.empty()) return fail(ErrorCode::invalid, path.string() + " is empty: " + hint);
  return secret;
}

bool may_pass(unsigned status) { return status >= 500 || status == 429; }

}  // namespace

OpenStackMover::OpenStackMover(boost::asio::any_io_executor executor, site::OpenStackSettings settings, Order order)
    : settings_(std::move(settings)), order_(std::move(order)), web_(std::move(executor), settings_.ca) {}

/// The answer to a request that may be repeated, tried again until time is up while there is none or trouble that may
/// pass.
Task<Result<runtime::HttpResponse>> OpenStackMover::persist(site::WebUrl service, Call call) {
  for (unsigned number = 0;; ++number) {
    auto answer = co_await web_.call(service, call.request, left(order_));
    Error error;
    if (!answer) {
      error = answer.error();
      if (error.code != ErrorCode::unavailable && error.code != ErrorCode::timed_out) co_return std::unexpected(error);
    } else if (may_pass(answer->status)) {
      error = {ErrorCode::unavailable,
               fmt::format("{}: HTTP {} {}", service.host, answer->status, read_complaint(answer->body)), 0};
    } else {
      co_return answer;
    }
    const auto pause = pause_after(number);
    if (left(order_) <= pause) {
      co_return std::unexpected(error.with(fmt::format("given up to {} after {} tries", call.what, number + 1)));
    }
    co_await runtime::sleep_for(pause);
  }
}

Task<Status> OpenStackMover::authenticate() {
  const auto secret = read_secret(settings_.secret_file);
  if (!secret) co_return std::unexpected(secret.error());
  auto service = site::parse_web_url(settings_.auth_url);
  if (!service) co_return fail(ErrorCode::invalid, "\"auth_url\" in [openstack] is no URL");
  if (!service->path.ends_with("/v3")) service->path += "/v3";
  const auto answer = co_await persist(
      *service, {token_request(settings_.application_credential_id, *secret), "ask Keystone for a token"});
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->status == 401 || answer->status == 403) {
    co_return fail(ErrorCode::denied,
                   fmt::format("Keystone refuses the application credential {} (HTTP {}): it has expired or was "
                               "deleted, or {} holds another one's secret",
                               settings_.application_credential_id, answer->status, settings_.secret_file.string()));
  }
  if (answer->status != 201) {
    co_return fail(ErrorCode::refused, fmt::format("Keystone at {}: HTTP {} {}", settings_.auth_url, answer->status,
                                                   read_complaint(answer->body)));
  }
  auto token = read_token(*answer, {settings_.interface, settings_.region});
  if (!token) co_return std::unexpected(token.error());
  token_ = *std::move(token);
  write_note(order_.notes, token_file, token_note(token_, settings_.application_credential_id));
  co_return Status{};
}

Task<Result<std::string>> OpenStackMover::neutron(Call call) {
  for (bool is_second = false;; is_second = true) {
    if (is_second) {
      if (auto renewed = co_await authenticate(); !renewed) co_return std::unexpected(renewed.error());
      call.request.headers["x-auth-token"] = token_.token;
    }
    const auto service = site::parse_web_url(token_.network_url);
    if (!service)
      co_return fail(ErrorCode::invalid, "Keystone's catalogue gives no URL of Neutron: " + token_.network_url);
    if (!service->is_tls && !service->is_loopback()) {
      co_return fail(
          ErrorCode::denied,
          fmt::format("Keystone's catalogue gives {} for Neutron, and a token is not sent without TLS: choose "
                      "another \"interface\" in [openstack], or let the cloud's operator correct it",
                      token_.network_url));
    }
    const auto answer = co_await persist(*service, call);
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->status == 200) co_return answer->body;
    if (answer->status == 401 && !is_second) continue;  // the token has ended, or was revoked
    const auto said = fmt::format("HTTP {} {}", answer->status, read_complaint(answer->body));
    if (answer->status == 401 || answer->status == 403) {
      co_return fail(ErrorCode::denied,
                     fmt::format("the application credential may not {} ({}): its role must be allowed to "
                                 "(docs/handbook/addresses.md)",
                                 call.what, said));
    }
    co_return fail(answer->status == 404 ? ErrorCode::not_found : ErrorCode::refused,
                   fmt::format("Neutron did not {}: {}", call.what, said));
  }
}

Status OpenStackMover::judge_port() const {
  const auto& address = order_.address;
  if (!settings_.floating_ip.empty() && !has_fixed(port_, address)) {
    return fail(
        ErrorCode::refused,
        fmt::format("a floating IP leads to a fixed address of a port, and {0} is none of {1}: openstack port set "
                    "--fixed-ip ip-address={0} {1}",
                    address, port_.id));
  }
  if (lets_through(port_, address)) return {};
  return fail(
      ErrorCode::refused,
      fmt::format("the port of {2} drops packets of {0}: openstack port set --allowed-address ip-address={0} {1}",
                  address, port_.id, order_.interface));
}

Task<Status> OpenStackMover::check_port() {
  const auto body = co_await neutron({ports_request(token_.token, order_.mac, order_.host_address), "read its ports"});
  if (!body) co_return std::unexpected(body.error());
  const auto ports = read_ports(*body);
  if (!ports) co_return std::unexpected(ports.error());
  if (ports->size() != 1) {
    co_return fail(ErrorCode::not_found,
                   fmt::format("the credential's project has {} ports with {} and MAC {} ({}): the credential must be "
                               "of the project that owns this virtual machine",
                               ports->size(), order_.host_address, order_.mac, order_.interface));
  }
  port_ = ports->front();
  co_return judge_port();
}

Task<Status> OpenStackMover::take_floating_ip() {
  const auto& id = settings_.floating_ip;
  const auto body = co_await neutron({floating_ip_request(token_.token, id), "read floating IP " + id});
  if (!body) co_return std::unexpected(body.error());
  const auto found = read_floating_ip(*body);
  if (!found) co_return std::unexpected(found.error());
  const bool is_here = found->port_id == port_.id && found->fixed_address == order_.address;
  if (is_here || order_.verb == Verb::check) co_return Status{};
  const auto moved = co_await neutron(
      {move_floating_ip_request(token_.token, id, port_.id, order_.address), "move floating IP " + id});
  if (!moved) co_return std::unexpected(moved.error());
  const auto now = read_floating_ip(*moved);
  if (!now) co_return std::unexpected(now.error());
  if (now->port_id == port_.id) co_return Status{};
  co_return fail(ErrorCode::unavailable, "Neutron answered, but floating IP " + id + " leads elsewhere");
}

Task<Status> OpenStackMover::run() {
  token_ = read_token_note(read_note(order_.notes, token_file), settings_.application_credential_id);
  if (token_.token.empty() || token_.expires - token_reserve <= runtime::wall_clock()) {
    if (auto done = co_await authenticate(); !done) co_return done;
  }
  if (auto checked = co_await check_port(); !checked) co_return checked;
  if (settings_.floating_ip.empty()) co_return Status{};
  auto taken = co_await take_floating_ip();
  co_return taken;
}

}  // namespace gemel::cloud
