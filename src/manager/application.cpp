// Routing and the answers.
#include "manager/application.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>

#include "base/text.h"
#include "manager/page.h"

namespace gemel::manager {

using runtime::HttpRequest;
using runtime::HttpResponse;
using runtime::problem;
using runtime::Task;

namespace {

enum class Action { page, style, script, health, readiness, site, list_notes, add_note };

struct Route {
  std::string_view method;
  std::string_view path;
  Action action;
};

constexpr Route routes[] = {
    {"GET", "/", Action::page},
    {"GET", "/page.css", Action::style},
    {"GET", "/page.js", Action::script},
    {"GET", "/healthz", Action::health},
    {"GET", "/readyz", Action::readiness},
    {"GET", "/api/v1/site", Action::site},
    {"GET", "/api/v1/notes", Action::list_notes},
    {"POST", "/api/v1/notes", Action::add_note},
};

constexpr std::size_t max_listed = 500;

/// Counts a waiting request as long as it exists.
class Seat {
 public:
  explicit Seat(std::size_t& count) : count_(count) { ++count_; }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  ~Seat() { --count_; }

 private:
  std::size_t& count_;
};

HttpResponse not_found(const std::string& path) {
  return problem(404, "not_found", fmt::format("nothing is at {}", path.substr(0, 200)));
}

HttpResponse wrong_method(const std::vector<std::string>& allowed) {
  auto response = problem(405, "method_not_allowed", "allowed here: " + join(allowed, ", "));
  response.headers["allow"] = join(allowed, ", ");
  return response;
}

HttpResponse busy(std::string detail) {
  auto response = problem(503, "unavailable", std::move(detail));
  response.headers["retry-after"] = "1";
  return response;
}

HttpResponse document(std::string_view type, std::string_view body) {
  return HttpResponse{200, {{"content-type", std::string(type)}}, std::string(body)};
}

/// The action for a request, or the answer that refuses it.
std::expected<Action, HttpResponse> find_action(const std::string& method, const std::string& path) {
  const std::string_view wanted = method == "HEAD" ? "GET" : std::string_view(method);
  std::vector<std::string> allowed;
  for (const auto& route : routes) {
    if (route.path != path) continue;
    if (route.method == wanted) return route.action;
    allowed.emplace_back(route.method);
    if (route.method == "GET") allowed.emplace_back("HEAD");
  }
  return std::unexpected(allowed.empty() ? not_found(path) : wrong_method(allowed));
}

template <typename T>
std::optional<T> parse_number(const std::string& text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<NotesQuery> parse_query(const std::map<std::string, std::string>& query) {
  NotesQuery result;
  for (const auto& [key, text] : query) {
    if (key == "limit") {
      const auto limit = parse_number<std::size_t>(text);
      if (!limit || *limit < 1 || *limit > max_listed) {
        return fail(ErrorCode::invalid, fmt::format("limit must be a number from 1 to {}", max_listed));
      }
      result.limit = *limit;
    } else if (key == "after") {
      result.after = parse_number<std::int64_t>(text);
      if (!result.after || *result.after < 0) return fail(ErrorCode::invalid, "after must be the id of a note");
    } else {
      return fail(ErrorCode::invalid,
                  fmt::format("unknown parameter {}; allowed are limit and after", key.substr(0, 40)));
    }
  }
  return result;
}

/// The answer to an error that did not go away, or that is final.
HttpResponse answer_error(const Error& error) {
  switch (error.code) {
    case ErrorCode::conflict:
      return problem(422, "idempotency_key_reused", error.message);
    case ErrorCode::invalid:
      return problem(400, "invalid", error.message);
    default:
      break;
  }
  return busy(
      "the database did not answer in time; repeat the request with the same Idempotency-Key, nothing is written "
      "twice");
}

Task<Result<StoredNote>> attempt_add(NotesStore* store, NewNote note, Duration limit) {
  co_return co_await store->add(std::move(note), limit);
}

Task<Result<std::vector<Note>>> attempt_list(NotesStore* store, NotesQuery query, Duration limit) {
  co_return co_await store->list(query, limit);
}

}  // namespace

HttpResponse Application::finish(HttpResponse response) const {
  auto& headers = response.headers;
  headers["x-gemel-manager"] = parts_.host;
  headers["content-security-policy"] =
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri "
      "'none'; "
      "form-action 'none'; frame-ancestors 'none'";
  headers["strict-transport-security"] = "max-age=31536000";
  headers["x-content-type-options"] = "nosniff";
  headers["referrer-policy"] = "no-referrer";
  headers.try_emplace("cache-control", "no-store");
  return response;
}

Task<HttpResponse> Application::handle(HttpRequest request, runtime::Peer) {
  auto response = co_await route(std::move(request));
  co_return finish(std::move(response));
}

Task<HttpResponse> Application::handle_orchestrator(HttpRequest request, runtime::Peer) {
  const auto path = runtime::parse_target(request.target).path;
  if (path != "/hello") co_return finish(not_found(path));
  if (request.method != "GET" && request.method != "HEAD") co_return finish(wrong_method({"GET", "HEAD"}));
  co_return finish(runtime::json_response(200, boost::json::serialize(boost::json::object{{"manager", parts_.host}})));
}

Task<HttpResponse> Application::route(HttpRequest request) {
  const auto target = runtime::parse_target(request.target);
  const auto action = find_action(request.method, target.path);
  if (!action) co_return action.error();
  switch (*action) {
    case Action::page:
      co_return document("text/html; charset=utf-8", page_html());
    case Action::style:
      co_return document("text/css; charset=utf-8", page_css());
    case Action::script:
      co_return document("text/javascript; charset=utf-8", page_js());
    case Action::health:
      co_return runtime::json_response(200, R"({"alive":true})");
    case Action::readiness: {
      const auto readiness = parts_.readiness.judge(runtime::boot_now());
      co_return runtime::json_response(readiness.is_ready ? 200 : 503, to_json(readiness));
    }
    case Action::site:
      co_return co_await show_site();
    case Action::list_notes:
      co_return co_await list_notes(target.query);
    case Action::add_note: {
      auto key = request.headers.find("idempotency-key");
      co_return co_await add_note(std::move(request.body), key == request.headers.end() ? std::string{} : key->second);
    }
  }
  co_return not_found(target.path);
}

Task<HttpResponse> Application::show_site() {
  auto json = co_await parts_.site.site_json();
  if (!json) co_return busy(json.error().message);
  co_return runtime::json_response(200, std::move(*json));
}

Task<HttpResponse> Application::list_notes(std::map<std::string, std::string> query) {
  const auto parsed = parse_query(query);
  if (!parsed) co_return problem(400, "invalid", parsed.error().message);
  if (waiting_ >= max_waiting) co_return busy("too many requests wait for the database");
  const Seat seat(waiting_);
  const auto outcome = co_await retry<std::vector<Note>>(
      parts_.policy,
      [store = &parts_.notes, wanted = *parsed](Duration limit) { return attempt_list(store, wanted, limit); });
  if (!outcome.result) co_return answer_error(outcome.result.error());
  co_return runtime::json_response(200, to_json(*outcome.result));
}

Task<HttpResponse> Application::add_note(std::string body, std::string idempotency_key) {
  const auto note = parse_new_note(body, idempotency_key);
  if (!note) co_return problem(400, "invalid", note.error().message);
  if (waiting_ >= max_waiting) co_return busy("too many requests wait for the database");
  const Seat seat(waiting_);
  const auto outcome = co_await retry<StoredNote>(
      parts_.policy,
      [store = &parts_.notes, wanted = *note](Duration limit) { return attempt_add(store, wanted, limit); });
  if (!outcome.result) co_return answer_error(outcome.result.error());
  // Found by a repetition: an earlier attempt of this very request had written it, as far as anyone can tell.
  const bool is_created = outcome.result->is_new || outcome.attempts > 1;
  co_return runtime::json_response(is_created ? 201 : 200, to_json(outcome.result->note));
}

}  // namespace gemel::manager
