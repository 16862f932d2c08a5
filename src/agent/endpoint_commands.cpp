#include "agent/endpoint_commands.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <optional>
#include <string_view>

#include "runtime/task_scope.h"

namespace gemel::agent {
namespace {

namespace json = boost::json;
using runtime::HttpRequest;
using runtime::HttpResponse;
using runtime::Peer;

constexpr std::size_t longest_user = 64;
constexpr std::size_t longest_reason = 500;

/// The host whose agent or manager asks, by its certificate; nothing when the certificate may not ask.
std::optional<std::string> asking_host(const EndpointSource& source, const Peer& peer) {
  if (peer.is_local_socket) return source.host;
  for (const std::string_view uri : peer.uris) {
    for (const auto* use : {"agent", "manager"}) {
      const std::string prefix = "gemel:" + source.site + ":" + use + ":";
      if (uri.starts_with(prefix)) return std::string(uri.substr(prefix.size()));
    }
  }
  return std::nullopt;
}

HttpResponse denied() { return runtime::problem(403, "denied", "this certificate may not ask for that"); }
HttpResponse no_database() {
  return runtime::problem(409, "not_database", "this host has no database; ask a database host, if the site has one");
}
HttpResponse invalid(const std::string& detail) { return runtime::problem(400, "invalid", detail); }

/// An empty body is an empty object; nothing when it is no JSON object.
std::optional<json::object> parse_body(const HttpRequest& request) {
  if (request.body.empty()) return json::object{};
  boost::system::error_code error;
  auto value = json::parse(request.body, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.as_object());
}

/// Empty when the key is absent; nothing when it is no text.
std::optional<std::string> text_of(const json::object& body, std::string_view key) {
  const auto* value = body.if_contains(key);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return std::nullopt;
  return std::string(value->as_string());
}

/// Fit for one line of a log and of a terminal.
bool is_line(std::string_view text, std::size_t longest) {
  return !text.empty() && text.size() <= longest && std::ranges::none_of(text, [](char letter) {
    return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F;
  });
}

/// user@host: the user as the asker says, the host as its certificate says.
std::optional<std::string> asker(const json::object& body, const std::string& host) {
  const auto user = text_of(body, "user");
  if (!user || !is_line(*user, longest_user)) return std::nullopt;
  return *user + "@" + host;
}

HttpResponse outcome(const core::Answer& answer) {
  if (!answer.accepted) return runtime::problem(409, answer.reason, answer.text);
  return runtime::json_response(202, R"({"accepted":true})");
}

constexpr auto bad_user = R"("user" must say who asks: at most 64 letters, one line)";

HttpResponse switch_over(const EndpointSource& source, const HttpRequest& request, const Peer& peer) {
  if (!asking_host(source, peer)) return denied();
  if (!source.switch_over) return no_database();
  const auto body = parse_body(request);
  const auto to = body ? text_of(*body, "to") : std::nullopt;
  if (!to) return invalid(R"(the body must be {"to": "HOST"}, or empty for the best standby)");
  return outcome(source.switch_over(NodeId{*to}));
}

HttpResponse pause(const EndpointSource& source, const HttpRequest& request, const Peer& peer) {
  const auto host = asking_host(source, peer);
  if (!host) return denied();
  if (!source.pause) return no_database();
  const auto body = parse_body(request);
  if (!body) return invalid(R"(the body must be {"user": "WHO", "reason": "WHY", "seconds": N})");
  const auto by = asker(*body, *host);
  if (!by) return invalid(bad_user);
  const auto reason = text_of(*body, "reason");
  if (!reason || !is_line(*reason, longest_reason))
    return invalid(R"("reason" must say why: at most 500 letters, one line)");
  boost::system::error_code error;
  const auto* seconds = body->if_contains("seconds");
  const auto length = seconds != nullptr ? seconds->to_number<std::int64_t>(error) : 0;
  // The bounds are the core's business; only what no duration can hold is refused here.
  constexpr std::int64_t most_seconds = 1'000'000'000;
  if (seconds == nullptr || error || length < 0 || length > most_seconds)
    return invalid(R"("seconds" must be the length of the pause)");
  core::event::PauseAsked asked;
  asked.by = *by;
  asked.reason = *reason;
  asked.length = std::chrono::seconds(length);
  asked.until = runtime::wall_after(asked.length);
  return outcome(source.pause(std::move(asked)));
}

HttpResponse resume(const EndpointSource& source, const HttpRequest& request, const Peer& peer) {
  const auto host = asking_host(source, peer);
  if (!host) return denied();
  if (!source.resume) return no_database();
  const auto body = parse_body(request);
  const auto by = body ? asker(*body, *host) : std::nullopt;
  if (!by) return invalid(bad_user);
  return outcome(source.resume(*by));
}

HttpResponse force(const EndpointSource& source, const HttpRequest& request, const Peer& peer) {
  const auto host = asking_host(source, peer);
  if (!host) return denied();
  if (!source.force) return no_database();
  const auto body = parse_body(request);
  const auto by = body ? asker(*body, *host) : std::nullopt;
  if (!by) return invalid(bad_user);
  const auto* confirmed = body->if_contains("confirmed_fenced");
  if (confirmed != nullptr && !confirmed->is_bool()) return invalid(R"("confirmed_fenced" must be true or false)");
  const auto answer = source.force(*by, confirmed != nullptr && confirmed->as_bool());
  const bool is_report = !answer.accepted && answer.reason == "needs_confirmation";
  if (!answer.accepted && !is_report) return outcome(answer);
  const json::object said{{"accepted", answer.accepted}, {"report", answer.text}};
  return runtime::json_response(is_report ? 200 : 202, json::serialize(said));
}

}  // namespace

const std::map<std::string, Command>& commands() {
  static const std::map<std::string, Command> table = {
      {"/switchover", switch_over}, {"/pause", pause}, {"/resume", resume}, {"/force", force}};
  return table;
}

}  // namespace gemel::agent
