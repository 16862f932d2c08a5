#include "runtime/http_client.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <deque>
#include <utility>
#include <vector>

#include "runtime/http_stream.h"
#include "runtime/http_wire.h"
#include "runtime/name_lookup.h"

namespace gemel::runtime {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::uint64_t largest_answer = 64U << 20;  // bytes
constexpr std::size_t piece_size = 16U << 10;        // one TLS record

using Endpoints = std::vector<Stream::Protocol::endpoint>;

/// A caller that waits for its turn; the timer is cancelled when the turn came.
struct Turn {
  explicit Turn(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  bool is_given = false;
};

/// What became of one exchange on one connection.
struct Exchange {
  Result<HttpResponse> result;
  bool may_repeat = false;  // certainly not executed, or harmless to repeat, and the connection was a kept one
};

Error cancelled_error() { return Error{ErrorCode::cancelled, "cancelled", 0}; }

bool is_cancelled(const asio::cancellation_state& state) { return !!state.cancelled(); }

}  // namespace

struct HttpClient::State {
  State(asio::any_io_executor loop, Endpoint other_end, std::shared_ptr<TlsClientContext> context)
      : executor(std::move(loop)), endpoint(std::move(other_end)), tls(std::move(context)) {}

  [[nodiscard]] std::string name() const {
    if (!endpoint.local_socket.empty()) return endpoint.local_socket.string();
    return host();
  }
  [[nodiscard]] std::string host() const {
    if (!endpoint.local_socket.empty()) return "localhost";
    const bool is_ipv6 = endpoint.address.find(':') != std::string::npos;
    return fmt::format(fmt::runtime(is_ipv6 ? "[{}]:{}" : "{}:{}"), endpoint.address, endpoint.port);
  }

  void give_turn() {
    is_busy = false;
    while (!waiting.empty() && !is_busy) {
      const auto next = waiting.front();
      waiting.pop_front();
      next->is_given = is_busy = true;
      next->timer.cancel();
    }
  }

  void close() {
    if (kept) kept->close();
    kept.reset();
    for (const auto& stream : in_use) {
      if (const auto open = stream.lock()) open->close();
    }
    in_use.clear();
  }

  void add_in_use(const std::shared_ptr<Stream>& stream) {
    std::erase_if(in_use, [](const auto& entry) { return entry.expired(); });
    in_use.push_back(stream);
  }

  asio::any_io_executor executor;
  Endpoint endpoint;
  std::shared_ptr<TlsClientContext> tls;
  std::shared_ptr<Stream> kept;               // idle, or in use by the caller whose turn it is
  std::vector<std::weak_ptr<Stream>> in_use;  // every connection somebody waits on
  std::deque<std::shared_ptr<Turn>> waiting;
  bool is_busy = false;
};

namespace {

/// Ends a call's hold on the client on every way out, also when cancellation unwinds it: the connection is kept only
/// when the exchange ended cleanly.
template <typename State>
class Hold {
 public:
  Hold(std::shared_ptr<State> state, std::shared_ptr<Deadline> deadline)
      : state_(std::move(state)), deadline_(std::move(deadline)) {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() {
    deadline_->disarm();
    if (turn && !turn->is_given) std::erase(state_->waiting, turn);
    if (!has_turn && !(turn && turn->is_given)) return;
    if (!is_clean && state_->kept) {
      state_->kept->close();
      state_->kept.reset();
    }
    state_->give_turn();
  }
  std::shared_ptr<Turn> turn;
  bool has_turn = false;
  bool is_clean = false;

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<Deadline> deadline_;
};

Task<Result<Endpoints>> look_up(Endpoint endpoint, Duration limit) {
  if (!endpoint.local_socket.empty()) {
    if (endpoint.local_socket.native().size() >= sizeof(sockaddr_un::sun_path)) {
      co_return fail(ErrorCode::invalid, "path of the socket is too long: " + endpoint.local_socket.string());
    }
    co_return Endpoints{asio::local::stream_protocol::endpoint(endpoint.local_socket.string())};
  }
  const auto found = co_await look_up_addresses(endpoint.address, limit);
  if (!found) co_return std::unexpected(found.error());
  Endpoints endpoints;
  for (const auto& address : *found)
    endpoints.emplace_back(asio::ip::tcp::endpoint(asio::ip::make_address(address), endpoint.port));
  co_return endpoints;
}

template <typename State>
Task<Result<std::shared_ptr<Stream>>> open_at(std::shared_ptr<State> state, Stream::Protocol::endpoint where,
                                              std::shared_ptr<Deadline> deadline) {
  auto stream = std::make_shared<Stream>(state->executor);
  state->add_in_use(stream);
  deadline->watch(stream);
  if (deadline->is_expired()) co_return fail(ErrorCode::unavailable, state->name() + ": no connection in time");
  if (const auto error = co_await stream->connect(where)) {
    const bool is_late = deadline->is_expired();
    co_return fail(ErrorCode::unavailable,
                   state->name() + ": " + (is_late ? "no connection in time" : error.message()));
  }
  if (!state->endpoint.local_socket.empty() || state->endpoint.is_plain) co_return stream;
  if (!state->tls) co_return fail(ErrorCode::invalid, state->name() + ": no TLS context");
  SSL* ssl = stream->prepare_tls(*state->tls->impl().context);
  const auto& wanted = state->endpoint.server_name.empty() ? state->endpoint.address : state->endpoint.server_name;
  if (auto status = expect_server_name(ssl, wanted); !status) co_return std::unexpected(status.error());
  if (const auto error = co_await stream->handshake(TlsRole::client)) {
    auto reason =
        deadline->is_expired() ? Error{ErrorCode::unavailable, "no TLS handshake in time", 0} : tls_error(ssl, error);
    stream->close();
    co_return std::unexpected(reason.with(state->name()));
  }
  co_return stream;
}

template <typename State>
Task<Result<std::shared_ptr<Stream>>> open_stream(std::shared_ptr<State> state, std::shared_ptr<Deadline> deadline) {
  const auto found = co_await look_up(state->endpoint, deadline->left());
  if (!found) co_return std::unexpected(found.error());
  Result<std::shared_ptr<Stream>> opened = fail(ErrorCode::unavailable, state->name() + ": no address");
  for (const auto& where : *found) {
    opened = co_await open_at(state, where, deadline);
    if (opened || deadline->is_expired() || opened.error().code == ErrorCode::denied) break;
  }
  co_return opened;
}

/// Why an answer did not come, after the whole request was written.
Error broken(const std::string& name, const std::shared_ptr<Deadline>& deadline, const error_code& error) {
  if (deadline->is_expired()) return Error{ErrorCode::timed_out, name + ": no answer in time", 0};
  if (is_certificate_alert(error)) {
    return Error{ErrorCode::denied, name + ": certificate not accepted: " + error.message(), 0};
  }
  return Error{ErrorCode::timed_out, name + ": connection broke before the answer: " + error.message(), 0};
}

struct ExchangeInput {
  std::string text;    // the request on the wire
  bool is_repeatable;  // GET or HEAD
  bool is_head;
  bool was_kept;
  std::string name;
};

Task<Exchange> exchange(std::shared_ptr<Stream> stream, ExchangeInput input, std::shared_ptr<Deadline> deadline) {
  const auto repeat = [&](bool harmless) { return input.was_kept && harmless && !deadline->is_expired(); };
  if (const auto error = co_await stream->write(input.text)) {
    // The kernel did not take the last byte, so the other end cannot have the whole request; our own close() in the
    // middle of the write is the exception: then nobody knows.
    const bool is_ours = error == asio::error::operation_aborted || error == asio::error::bad_descriptor;
    auto reason = is_ours ? broken(input.name, deadline, error)
                          : Error{ErrorCode::unavailable, input.name + ": request not sent: " + error.message(), 0};
    co_return Exchange{std::unexpected(std::move(reason)), repeat(!is_ours)};
  }
  auto reader = std::make_unique<MessageReader<HttpResponse>>(
      MessageReader<HttpResponse>::Limits{.body = largest_answer, .has_no_body = input.is_head});
  std::string data;
  bool has_answer = false;
  std::array<char, piece_size> piece;
  while (!reader->is_done()) {
    const auto [error, count] = co_await stream->read_some(piece);
    if (error) {
      const Stream::ReadResult end{error, count};
      if (has_answer && end.is_end() && reader->finish() && reader->is_done()) break;
      const bool can_retry = repeat(!has_answer && input.is_repeatable && end.is_end());
      co_return Exchange{std::unexpected(broken(input.name, deadline, error)), can_retry};
    }
    has_answer = true;
    data.append(piece.data(), count);
    const auto taken = reader->feed(data);
    if (!taken)
      co_return Exchange{std::unexpected(Error{ErrorCode::timed_out, input.name + ": " + taken.error().message, 0})};
    data.erase(0, *taken);
    if (reader->is_done() && reader->status() / 100 == 1) {  // an interim answer; the real one follows
      reader = std::make_unique<MessageReader<HttpResponse>>(
          MessageReader<HttpResponse>::Limits{.body = largest_answer, .has_no_body = input.is_head});
      const auto more = data.empty() ? Result<std::size_t>(0) : reader->feed(data);
      if (!more) co_return Exchange{std::unexpected(Error{ErrorCode::timed_out, input.name + ": not HTTP", 0})};
      data.erase(0, *more);
    }
  }
  if (!reader->keeps_alive() || !data.empty()) stream->close();
  co_return Exchange{reader->take()};
}

template <typename State>
Task<Status> wait_for_turn(std::shared_ptr<State> state, std::shared_ptr<Turn> turn,
                           std::shared_ptr<Deadline> deadline) {
  turn->timer.expires_after(deadline->left());
  state->waiting.push_back(turn);
  co_await turn->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return std::unexpected(cancelled_error());
  if (!turn->is_given) co_return fail(ErrorCode::unavailable, state->name() + ": connection busy, not sent");
  co_return Status{};
}

template <typename State>
Task<Result<HttpResponse>> call_with_turn(std::shared_ptr<State> state, ExchangeInput input,
                                          std::shared_ptr<Deadline> deadline) {
  for (int attempt = 0;; ++attempt) {
    input.was_kept = state->kept && state->kept->is_usable();
    if (!input.was_kept) {
      if (state->kept) state->kept->close();
      state->kept.reset();
      auto opened = co_await open_stream(state, deadline);
      if (!opened) co_return std::unexpected(opened.error());
      state->kept = *opened;
    }
    const auto stream = state->kept;
    deadline->watch(stream);
    auto outcome = co_await exchange(stream, input, deadline);
    if (outcome.result || !outcome.may_repeat || attempt > 0) co_return std::move(outcome.result);
    stream->close();
  }
}

template <typename State>
Task<Result<HttpResponse>> call_on(std::shared_ptr<State> state, HttpRequest request, Duration limit) {
  auto text = request_text(request, state->host());
  if (!text) co_return std::unexpected(text.error());
  const bool is_head = request.method == "HEAD";
  ExchangeInput input{std::move(*text), is_head || request.method == "GET", is_head, false, state->name()};
  const auto deadline = std::make_shared<Deadline>(state->executor);
  deadline->arm(limit);
  Hold<State> hold(state, deadline);
  try {
    if (state->is_busy) {
      hold.turn = std::make_shared<Turn>(state->executor);
      auto status = co_await wait_for_turn(state, hold.turn, deadline);
      if (!status) co_return std::unexpected(status.error());
    }
    state->is_busy = hold.has_turn = true;
    auto result = co_await call_with_turn(state, std::move(input), deadline);
    hold.is_clean = result.has_value() && state->kept && state->kept->is_open();
    if (!result && is_cancelled(co_await asio::this_coro::cancellation_state))
      co_return std::unexpected(cancelled_error());
    co_return result;
  } catch (const boost::system::system_error& error) {
    const bool is_abort = error.code() == asio::error::operation_aborted;
    co_return fail(is_abort ? ErrorCode::cancelled : ErrorCode::timed_out, state->name() + ": " + error.what());
  }
}

/// An answer that is not 2xx, as an error.
Error status_error(const std::string& name, unsigned status, const std::string& body) {
  const ErrorCode code = status == 401 || status == 403 ? ErrorCode::denied
                         : status == 404                ? ErrorCode::not_found
                         : status < 500                 ? ErrorCode::refused
                                                        : ErrorCode::unavailable;
  return Error{code, fmt::format("{}: HTTP {}: {}", name, status, body.substr(0, 300)), 0};
}

template <typename State>
Task<Status> read_stream(std::shared_ptr<State> state, std::shared_ptr<Stream> stream,
                         std::shared_ptr<Deadline> deadline, Duration idle_limit,
                         std::function<bool(std::string_view)> on_data) {
  MessageReader<HttpResponse> reader({.body = ~std::uint64_t{0}});
  std::string data, refusal;
  std::array<char, piece_size> piece;
  while (!reader.is_done()) {
    deadline->arm(idle_limit);
    const auto [error, count] = co_await stream->read_some(piece);
    if (error) {
      const Stream::ReadResult end{error, count};
      if (end.is_end() && reader.is_header_done() && reader.finish()) break;
      co_return std::unexpected(broken(state->name(), deadline, error));
    }
    data.append(piece.data(), count);
    const auto taken = reader.feed(data);
    if (!taken) co_return std::unexpected(taken.error().with(state->name()));
    data.erase(0, *taken);
    if (!reader.is_header_done()) continue;
    const std::string body = reader.take_body();
    if (reader.status() / 100 != 2) {
      refusal += body.substr(0, 300);
    } else if (!body.empty() && !on_data(body)) {
      co_return Status{};
    }
  }
  if (reader.status() / 100 != 2) co_return std::unexpected(status_error(state->name(), reader.status(), refusal));
  co_return Status{};
}

/// Disarms the deadline and closes the stream's connection on every way out.
class StreamHold {
 public:
  explicit StreamHold(std::shared_ptr<Deadline> deadline) : deadline_(std::move(deadline)) {}
  StreamHold(const StreamHold&) = delete;
  StreamHold& operator=(const StreamHold&) = delete;
  ~StreamHold() {
    deadline_->disarm();
    if (stream) stream->close();
  }
  std::shared_ptr<Stream> stream;

 private:
  std::shared_ptr<Deadline> deadline_;
};

template <typename State>
Task<Status> stream_on(std::shared_ptr<State> state, HttpRequest request, std::function<bool(std::string_view)> on_data,
                       Duration idle_limit) {
  const auto text = request_text(request, state->host());
  if (!text) co_return std::unexpected(text.error());
  const auto deadline = std::make_shared<Deadline>(state->executor);
  deadline->arm(idle_limit);
  StreamHold hold(deadline);
  try {
    auto opened = co_await open_stream(state, deadline);
    if (!opened) co_return std::unexpected(opened.error());
    hold.stream = *opened;
    if (const auto error = co_await hold.stream->write(*text)) {
      co_return std::unexpected(broken(state->name(), deadline, error));
    }
    auto result = co_await read_stream(state, hold.stream, deadline, idle_limit, std::move(on_data));
    if (!result && is_cancelled(co_await asio::this_coro::cancellation_state))
      co_return std::unexpected(cancelled_error());
    co_return result;
  } catch (const boost::system::system_error& error) {
    const bool is_abort = error.code() == asio::error::operation_aborted;
    co_return fail(is_abort ? ErrorCode::cancelled : ErrorCode::timed_out, state->name() + ": " + error.what());
  }
}

}  // namespace

HttpClient::HttpClient(asio::any_io_executor executor, Endpoint endpoint, std::shared_ptr<TlsClientContext> tls)
    : state_(std::make_shared<State>(std::move(executor), std::move(endpoint), std::move(tls))) {}

HttpClient::~HttpClient() { state_->close(); }

Task<Result<HttpResponse>> HttpClient::call(HttpRequest request, Duration limit) {
  return call_on(state_, std::move(request), limit);
}

Task<Status> HttpClient::stream(HttpRequest request, std::function<bool(std::string_view)> on_data,
                                Duration idle_limit) {
  return stream_on(state_, std::move(request), std::move(on_data), idle_limit);
}

void HttpClient::close() { state_->close(); }

}  // namespace gemel::runtime
