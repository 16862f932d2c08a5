// Web: notes posted through the balancer, each repeated with its own Idempotency-Key while its outcome is unknown.
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <memory>
#include <optional>

#include "runtime/http_client.h"
#include "torture/workload.h"

namespace gemel::torture {

namespace {

constexpr auto attempt_limit = std::chrono::seconds(5);
constexpr Time give_up = 20'000'000;  // us: the note's outcome stays unknown
constexpr Time pause = 100'000;       // us, between attempts

runtime::Endpoint endpoint_of(const std::string& url) {
  auto rest = url.starts_with("https://") ? url.substr(8) : url;
  rest = rest.substr(0, rest.find('/'));
  const auto colon = rest.rfind(':');
  std::uint16_t port = 443;
  if (colon != std::string::npos) std::from_chars(rest.data() + colon + 1, rest.data() + rest.size(), port);
  return {.address = rest.substr(0, colon), .port = port};
}

runtime::Task<void> keep_answer(runtime::HttpClient* client, runtime::HttpRequest request,
                                std::shared_ptr<std::optional<Result<runtime::HttpResponse>>> answer) {
  answer->emplace(co_await client->call(std::move(request), attempt_limit));
}

/// One client with one kept connection, on a loop of its own.
class Poster {
 public:
  Poster(runtime::Endpoint endpoint, std::shared_ptr<runtime::TlsClientContext> tls)
      : endpoint_(std::move(endpoint)), tls_(std::move(tls)) {
    renew();
  }
  Result<runtime::HttpResponse> post(runtime::HttpRequest request) {
    auto answer = std::make_shared<std::optional<Result<runtime::HttpResponse>>>();
    boost::asio::co_spawn(loop_, keep_answer(client_.get(), std::move(request), answer),
                          [](const std::exception_ptr&) {});
    loop_.restart();
    while (!*answer && loop_.run_one() > 0) {
    }
    return *answer ? std::move(**answer) : fail(ErrorCode::timed_out, "the call ended without an answer");
  }
  void renew() { client_ = std::make_unique<runtime::HttpClient>(loop_.get_executor(), endpoint_, tls_); }

 private:
  runtime::Endpoint endpoint_;
  std::shared_ptr<runtime::TlsClientContext> tls_;
  boost::asio::io_context loop_;
  std::unique_ptr<runtime::HttpClient> client_;
};

/// Takes the outcome of one attempt: 2xx is acknowledged, 4xx refused, the rest unknown.
void take_answer(Event& event, const Result<runtime::HttpResponse>& answer) {
  event.outcome = Outcome::unknown;
  if (!answer) {
    event.error = answer.error().to_string().substr(0, 200);
    return;
  }
  event.error = fmt::format("status {}", answer->status);
  if (answer->status >= 400 && answer->status < 500) event.outcome = Outcome::refused;
  if (answer->status != 200 && answer->status != 201) return;
  boost::system::error_code problem;
  const auto body = boost::json::parse(answer->body, problem);
  const auto* id = problem || !body.is_object() ? nullptr : body.as_object().if_contains("id");
  if (id == nullptr) return;
  event.out = {boost::json::serialize(*id)};
  event.outcome = Outcome::acknowledged;
  event.error.clear();
}

void post_notes(const Options& options, Poster& poster, int number, Recorder& recorder, std::stop_token stop) {
  Pace pace(share(options.rates.note, options.rates.note_clients));
  for (std::int64_t counter = 1; pace.wait(stop); ++counter) {
    Event event{.workload = 'F', .client = number, .op = "note", .in = {counter}};
    event.from = now();
    const auto key = fmt::format("{}-{}-{}", options.run, number, counter);
    const runtime::HttpRequest request{
        .method = "POST",
        .target = "/api/v1/notes",
        .headers = {{"content-type", "application/json"}, {"idempotency-key", key}},
        .body = fmt::format(R"({{"author":{},"text":{}}})", json_text(options.run), json_text("note " + key))};
    int attempts = 0;
    // An earlier attempt may be done although a later one is refused, so a refusal counts only if it was the first.
    do {
      ++attempts;
      recorder.count_attempt('F', true);
      take_answer(event, poster.post(request));
      if (event.outcome == Outcome::refused && attempts > 1) event.outcome = Outcome::unknown;
      if (event.outcome != Outcome::unknown) break;
      poster.renew();
    } while (now() - event.from < give_up && wait_until(now() + pause, stop));
    if (event.outcome == Outcome::acknowledged) event.out.push_back(std::to_string(attempts));
    event.to = now();
    recorder.add(event);
  }
}

}  // namespace

std::vector<Worker> web_workers(const Options& options) {
  std::vector<Worker> workers;
  for (int number = 1; number <= options.rates.note_clients; ++number) {
    workers.push_back({'F', [options, number](Recorder& recorder, std::stop_token stop) {
                         auto tls = runtime::TlsClientContext::load({.ca = options.ca}, false);
                         // Without a context there is no acknowledged note, and the run says that it never connected.
                         if (!tls) return;
                         Poster poster(endpoint_of(options.url), *tls);
                         post_notes(options, poster, number, recorder, stop);
                       }});
  }
  return workers;
}

}  // namespace gemel::torture
