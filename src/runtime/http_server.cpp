#include "runtime/http_server.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <list>
#include <utility>

#include "runtime/http_listen.h"
#include "runtime/http_stream.h"
#include "runtime/http_wire.h"
#include "runtime/log.h"

namespace gemel::runtime {

namespace asio = boost::asio;

namespace {

constexpr std::size_t piece_size = 16U << 10;
constexpr auto accept_pause = std::chrono::milliseconds(100);  // while the process has no descriptors left

struct Session {
  std::shared_ptr<Stream> stream;
  std::shared_ptr<Deadline> deadline;
  bool is_idle = false;  // between two requests
  std::chrono::steady_clock::time_point idle_since{};
};
using Sessions = std::list<Session>;

/// What came of waiting for a request.
struct Incoming {
  HttpRequest request;
  bool is_complete = false;
  bool keep_alive = false;
  unsigned refusal = 0;  // status to answer with; 0: nobody is there to read it
  std::string reason;
};

}  // namespace

struct HttpServer::State {
  State(asio::any_io_executor loop, HttpServerOptions chosen, HttpHandler answer, Listener listening)
      : executor(std::move(loop)),
        options(std::move(chosen)),
        handler(std::move(answer)),
        listener(executor, listening.descriptor),
        port(listening.port),
        family(listening.family),
        tasks(executor, "http server"),
        empty(executor) {}

  [[nodiscard]] bool is_local() const { return !options.local_socket.empty(); }

  void close_listener() {
    boost::system::error_code ignored;
    listener.close(ignored);
  }

  void remove(Sessions::iterator session) {
    session->deadline->disarm();
    session->stream->close();
    sessions.erase(session);
    if (sessions.empty()) empty.cancel();
  }

  /// Room for one more connection: true when there is, perhaps because the longest idle one was closed.
  bool make_room() {
    if (sessions.size() < options.max_connections) return true;
    Session* oldest = nullptr;
    for (auto& session : sessions) {
      if (session.is_idle && (oldest == nullptr || session.idle_since < oldest->idle_since)) oldest = &session;
    }
    if (oldest == nullptr) return false;
    oldest->is_idle = false;
    oldest->stream->close();
    return true;
  }

  asio::any_io_executor executor;
  HttpServerOptions options;
  HttpHandler handler;
  std::shared_ptr<asio::ssl::context> tls;  // replaced as a whole by reload_tls()
  asio::posix::stream_descriptor listener;
  std::uint16_t port = 0;
  int family = 0;
  bool is_draining = false;
  Sessions sessions;
  TaskScope tasks;
  asio::steady_timer empty;  // cancelled when the last session ended
};

namespace {

template <typename State>
class SessionHold {
 public:
  SessionHold(std::shared_ptr<State> state, Sessions::iterator session) : state_(std::move(state)), session_(session) {}
  SessionHold(const SessionHold&) = delete;
  SessionHold& operator=(const SessionHold&) = delete;
  ~SessionHold() { state_->remove(session_); }

 private:
  std::shared_ptr<State> state_;
  Sessions::iterator session_;
};

/// Reads until one request is complete. `data` holds bytes that came after the previous one, and then after this one.
template <typename State>
Task<Incoming> read_request(std::shared_ptr<State> state, Sessions::iterator session, std::string* data) {
  MessageReader<HttpRequest> reader({.body = state->options.max_body});
  Incoming incoming;
  std::array<char, piece_size> piece;
  bool has_begun = false, has_continued = false;
  session->is_idle = data->empty();
  session->idle_since = std::chrono::steady_clock::now();
  session->deadline->arm(session->is_idle ? state->options.idle_limit : state->options.request_limit);
  while (true) {
    if (!data->empty()) {
      if (!has_begun) session->deadline->arm(state->options.request_limit);
      has_begun = true;
      session->is_idle = false;
      const auto taken = reader.feed(*data);
      if (!taken) {
        const auto code = taken.error().code;
        incoming.refusal = code == ErrorCode::refused ? 413 : code == ErrorCode::unsupported ? 431 : 400;
        incoming.reason = taken.error().message;
        co_return incoming;
      }
      data->erase(0, *taken);
      if (reader.is_done()) break;
      if (reader.is_header_done() && reader.expects_continue() && !std::exchange(has_continued, true)) {
        if (co_await session->stream->write("HTTP/1.1 100 Continue\r\n\r\n")) co_return incoming;
      }
    }
    const auto [error, count] = co_await session->stream->read_some(piece);
    if (error) co_return incoming;
    data->append(piece.data(), count);
  }
  incoming.keep_alive = reader.keeps_alive();
  incoming.request = reader.take();
  incoming.is_complete = true;
  co_return incoming;
}

/// The handler's answer; its exceptions become 500, except the one of cancellation.
template <typename State>
Task<HttpResponse> answer(std::shared_ptr<State> state, HttpRequest request, Peer peer) {
  const std::string what = request.method + " " + request.target.substr(0, request.target.find('?'));
  std::exception_ptr failure;
  std::string reason = "unknown exception";
  try {
    co_return co_await state->handler(std::move(request), std::move(peer));
  } catch (const std::exception& error) {
    failure = std::current_exception();
    reason = error.what();
  } catch (...) {
    failure = std::current_exception();
  }
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  if (!!cancellation.cancelled()) std::rethrow_exception(failure);
  log_error(fmt::format("handler of {} failed: {}", what, reason));
  co_return problem(500, "internal", "the request could not be answered");
}

/// False when the connection must end.
template <typename State>
Task<bool> serve_one(std::shared_ptr<State> state, Sessions::iterator session, Peer peer, std::string* data) {
  auto incoming = co_await read_request(state, session, data);
  const auto& stream = session->stream;
  if (!incoming.is_complete) {
    if (incoming.refusal == 0) co_return false;
    const auto refused = problem(incoming.refusal, "bad_request", incoming.reason);
    const auto text = response_text(refused, {.is_head = false, .keep_alive = false});
    if (!co_await stream->write(text)) co_await stream->finish();
    co_return false;
  }
  session->deadline->disarm();  // the time of the answer is the handler's business
  const bool is_head = incoming.request.method == "HEAD";
  const auto response = co_await answer(state, std::move(incoming.request), std::move(peer));
  const bool keep = incoming.keep_alive && !state->is_draining;
  const auto text = response_text(response, {.is_head = is_head, .keep_alive = keep});
  session->deadline->arm(state->options.request_limit);
  if (co_await stream->write(text)) co_return false;
  if (!keep) co_await stream->finish();
  co_return keep;
}

template <typename State>
Task<void> serve(std::shared_ptr<State> state, Sessions::iterator session) {
  SessionHold<State> hold(state, session);
  const auto stream = session->stream;
  session->deadline->watch(stream);
  session->deadline->arm(state->options.request_limit);
  if (state->tls) {
    const auto context = state->tls;  // an old context lives as long as its connections
    stream->prepare_tls(*context);
    if (co_await stream->handshake(TlsRole::server)) {
      // Lets the other end read the alert that says why.
      co_await stream->finish();
      co_return;
    }
  }
  const Peer peer = stream->peer();
  std::string data;
  while (co_await serve_one(state, session, peer, &data)) {
  }
}

template <typename State>
void start_session(const std::shared_ptr<State>& state, int descriptor) {
  const Stream::Protocol protocol(state->family, state->is_local() ? 0 : IPPROTO_TCP);
  auto stream = std::make_shared<Stream>(Stream::Protocol::socket(state->executor, protocol, descriptor));
  if (!state->make_room()) return;  // closes it
  stream->set_no_delay();
  const auto session = state->sessions.emplace(state->sessions.end());
  session->stream = std::move(stream);
  session->deadline = std::make_shared<Deadline>(state->executor);
  state->tasks.spawn("connection", serve(state, session));
}

/// Accepts what waits. False when the process or the system has no descriptor or memory left for now.
template <typename State>
bool accept_waiting(const std::shared_ptr<State>& state) {
  for (int count = 0; count < 64; ++count) {
    const int descriptor = accept4(state->listener.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      start_session(state, descriptor);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return true;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return false;
    }  // else the connection ended before it was accepted
  }
  return true;
}

template <typename State>
Task<void> accept_loop(std::shared_ptr<State> state) {
  bool is_starved = false;
  while (!state->is_draining) {
    const auto [error] = co_await state->listener.async_wait(asio::posix::stream_descriptor::wait_read,
                                                             asio::as_tuple(asio::use_awaitable));
    if (error || state->is_draining) co_return;
    const bool has_room = accept_waiting(state);
    if (!has_room && !is_starved) log_warn("no descriptors left: connections wait");
    is_starved = !has_room;
    if (is_starved) co_await sleep_for(accept_pause);
  }
}

Result<std::shared_ptr<asio::ssl::context>> server_context(const HttpServerOptions& options, const TlsFiles& files) {
  const bool wants_client = options.client_certificates == ClientCertificates::required;
  if (files.certificate.empty()) return fail(ErrorCode::invalid, "an HTTPS server needs a certificate");
  const auto peer = wants_client ? PeerCertificate::required : PeerCertificate::ignored;
  auto context = load_tls_context(files, TlsRole::server, peer, options.only_tls13);
  if (!context || !options.named) return context;
  const auto named = load_tls_context(
      {.ca = files.ca, .certificate = options.named->files.certificate, .key = options.named->files.key},
      TlsRole::server, peer, options.only_tls13);
  if (!named) return named;
  if (auto status = show_by_name(**context, *named, options.named->except); !status)
    return std::unexpected(status.error());
  return context;
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(asio::any_io_executor executor, HttpServerOptions options,
                                                      HttpHandler handler) {
  std::shared_ptr<asio::ssl::context> tls;
  if (options.local_socket.empty()) {
    auto loaded = server_context(options, options.tls);
    if (!loaded) return std::unexpected(loaded.error());
    tls = *loaded;
  }
  auto listening = options.local_socket.empty() ? listen_on_port(options.address, options.port)
                                                : listen_on_local_socket(options.local_socket);
  if (!listening) return std::unexpected(listening.error());
  auto state = std::make_shared<State>(std::move(executor), std::move(options), std::move(handler), *listening);
  state->tls = std::move(tls);
  state->tasks.spawn("accept", accept_loop(state));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() {
  state_->is_draining = true;
  state_->close_listener();
  for (auto& session : state_->sessions) session.stream->close();
  state_->tasks.cancel();
}

std::uint16_t HttpServer::port() const { return state_->port; }
std::size_t HttpServer::connections() const { return state_->sessions.size(); }

Status HttpServer::reload_tls(TlsFiles files) {
  auto loaded = server_context(state_->options, files);
  if (!loaded) return std::unexpected(loaded.error());
  state_->tls = std::move(*loaded);
  return {};
}

Task<void> HttpServer::stop(Duration limit) {
  const auto state = state_;
  const bool is_first = !std::exchange(state->is_draining, true);
  state->close_listener();
  if (is_first && state->is_local()) ::unlink(state->options.local_socket.c_str());
  for (auto& session : state->sessions) {
    if (session.is_idle) session.stream->close();
  }
  if (!state->sessions.empty()) {
    state->empty.expires_after(limit);
    co_await state->empty.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  for (auto& session : state->sessions) session.stream->close();
  for (const auto& name : co_await state->tasks.stop(std::chrono::seconds(1))) log_warn("http server: late: " + name);
}

}  // namespace gemel::runtime
