// The manager's HTTP interface: which path and method does what. Knows no socket and no database: requests in,
// answers out, over the interfaces it is given.
#pragma once

#include <string>

#include "manager/notes_store.h"
#include "manager/readiness.h"
#include "manager/retry.h"
#include "manager/site_source.h"
#include "runtime/http.h"
#include "runtime/task_scope.h"

namespace gemel::manager {

struct ApplicationParts {
  std::string host;  // this manager's host name: the header X-Gemel-Manager of every answer
  NotesStore& notes;
  SiteSource& site;
  ReadinessState& readiness;
  RetryPolicy policy;
};

/// Loop thread only; answers any number of requests at once, at most `max_waiting` of them waiting for the database.
/// The parts must outlive it.
class Application {
 public:
  static constexpr std::size_t max_waiting = 256;

  explicit Application(ApplicationParts parts) : parts_(std::move(parts)) {}

  /// Any request has an answer; errors are problem documents (RFC 9457).
  ///   GET  /               the page, with /page.css and /page.js
  ///   GET  /healthz        200 while the process answers
  ///   GET  /readyz         200 or 503 with the failing checks
  ///   GET  /api/v1/site    the state of the site
  ///   GET  /api/v1/notes   ?limit=1..500&after=ID
  ///   POST /api/v1/notes   with Idempotency-Key: 201 new, 200 the same again, 422 another text under the same key,
  ///                        400 what is wrong, 503 with Retry-After when the database did not come back in time
  runtime::Task<runtime::HttpResponse> handle(runtime::HttpRequest request, runtime::Peer peer);
  /// The second listener (orchestrators): GET /hello only, for now.
  runtime::Task<runtime::HttpResponse> handle_orchestrator(runtime::HttpRequest request, runtime::Peer peer);

 private:
  runtime::Task<runtime::HttpResponse> route(runtime::HttpRequest request);
  runtime::Task<runtime::HttpResponse> show_site();
  runtime::Task<runtime::HttpResponse> list_notes(std::map<std::string, std::string> query);
  runtime::Task<runtime::HttpResponse> add_note(std::string body, std::string idempotency_key);
  runtime::HttpResponse finish(runtime::HttpResponse response) const;

  ApplicationParts parts_;
  std::size_t waiting_ = 0;  // requests that wait for the database
};

}  // namespace gemel::manager
