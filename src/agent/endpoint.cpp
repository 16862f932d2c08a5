#include "agent/endpoint.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <map>

#include "agent/endpoint_commands.h"
#include "core/policy.h"

namespace gemel::agent {
namespace {

namespace json = boost::json;
using runtime::HttpRequest;
using runtime::HttpResponse;
using runtime::Peer;
using runtime::Target;

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

HttpResponse events_answer(const EndpointSource& source, const Target& target) {
  const auto wanted = target.query.find("after");
  const auto after = wanted == target.query.end() ? 0 : number(wanted->second);
  if (!after) return runtime::problem(400, "invalid", "after must be the id of an event: /events?after=17");
  return runtime::json_response(200, api::to_json(source.events(*after)));
}

/// 200 or 503 with the status as the body, as Patroni answers.
HttpResponse role_answer(const EndpointSource& source, bool holds) {
  return runtime::json_response(holds ? 200 : 503, api::to_json(source.status()));
}

bool is_primary(const api::HostStatus& status) { return status.database && status.database->role == "primary"; }

bool is_replica(const api::HostStatus& status) {
  return status.database && status.database->role == "standby" && status.database->is_receiving;
}

bool is_synchronous(const api::HostStatus& status) {
  return is_replica(status) && status.record &&
         std::ranges::find(status.record->members, status.host) != status.record->members.end();
}

HttpResponse replica_answer(const EndpointSource& source, const Target& target) {
  const auto wanted = target.query.find("lag");
  if (wanted == target.query.end()) return role_answer(source, is_replica(source.status()));
  const auto limit = number(wanted->second);
  if (!limit) return runtime::problem(400, "invalid", "lag must be a number of bytes: /replica?lag=1048576");
  const auto lag = source.replica_lag ? source.replica_lag() : std::nullopt;
  // Of a primary that is not heard nobody knows how far this standby is behind.
  return role_answer(source, is_replica(source.status()) && lag && *lag <= *limit);
}

HttpResponse history_answer(const EndpointSource& source) {
  json::array entries;
  for (const auto& entry : source.status().history) {
    entries.push_back({{"epoch", entry.epoch},
                       {"host", entry.host},
                       {"timeline", entry.timeline},
                       {"switch_lsn", entry.switch_lsn},
                       {"is_complete", entry.is_complete}});
  }
  return runtime::json_response(200, json::serialize(entries));
}

HttpResponse metrics_answer(const EndpointSource& source) {
  HttpResponse response;
  response.headers["content-type"] = "text/plain; version=0.0.4; charset=utf-8";
  response.body = source.metrics();
  return response;
}

using Handler = HttpResponse (*)(const EndpointSource&, const Target&);

const std::map<std::string, Handler>& readers() {
  static const std::map<std::string, Handler> table = {
      {"/status",
       [](const EndpointSource& s, const Target&) { return runtime::json_response(200, api::to_json(s.status())); }},
      {"/cluster",
       [](const EndpointSource& s, const Target&) { return runtime::json_response(200, api::to_json(s.status())); }},
      {"/events", events_answer},
      {"/rules", [](const EndpointSource&, const Target&) { return runtime::json_response(200, rules_json()); }},
      {"/history", [](const EndpointSource& s, const Target&) { return history_answer(s); }},
      {"/metrics", [](const EndpointSource& s, const Target&) { return metrics_answer(s); }},
      {"/liveness", [](const EndpointSource& s, const Target&) { return role_answer(s, true); }},
      {"/readiness",
       [](const EndpointSource& s, const Target&) {
         const auto status = s.status();
         return role_answer(s, !status.database || is_primary(status) || is_replica(status));
       }},
      {"/primary", [](const EndpointSource& s, const Target&) { return role_answer(s, is_primary(s.status())); }},
      {"/sync", [](const EndpointSource& s, const Target&) { return role_answer(s, is_synchronous(s.status())); }},
      {"/replica", replica_answer},
  };
  return table;
}

}  // namespace

HttpResponse answer(const EndpointSource& source, const HttpRequest& request, const Peer& peer) {
  const Target target = runtime::parse_target(request.target);
  const auto command = commands().find(target.path);
  if (command != commands().end()) {
    if (request.method == "POST") return command->second(source, request, peer);
  } else {
    const auto reader = readers().find(target.path);
    if (reader == readers().end()) return runtime::problem(404, "not_found", "no such path: " + target.path);
    if (request.method == "GET" || request.method == "HEAD") return reader->second(source, target);
  }
  auto response = runtime::problem(405, "method_not_allowed", request.method + " is not possible on " + target.path);
  response.headers["allow"] = command != commands().end() ? "POST" : "GET, HEAD";
  return response;
}

std::string rules_json() {
  json::array rules;
  for (const auto& rule : core::policy_table()) {
    rules.push_back({{"id", rule.id},
                     {"protocol", rule.protocol},
                     {"when", rule.when},
                     {"then", rule.then},
                     {"go_on", rule.go_on}});
  }
  return json::serialize(rules);
}

}  // namespace gemel::agent
