// libpq's non-blocking interface driven by Asio readiness waits (libpq manual, 34.1 PQconnectStart and 34.4
// Asynchronous Command Processing). The descriptor belongs to libpq; Asio only waits on it.
#include "adapters/postgres/pq_connection.h"

#include <poll.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "adapters/postgres/pq_result.h"
#include "base/check.h"

namespace gemel::adapters::postgres {
namespace asio = boost::asio;
using runtime::Task;

struct PqConnection::State {
  explicit State(const asio::any_io_executor& executor) : socket(executor), timer(executor) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { close(); }

  void close() {
    ++wait_number;
    timer.cancel();
    forget_socket();
    if (connection != nullptr) PQfinish(connection);
    connection = nullptr;
    is_busy = false;
  }
  void forget_socket() {
    if (socket.is_open()) socket.release();
    watched = -1;
  }
  /// libpq may change its socket while connecting (several addresses, TLS retry).
  Status watch_current_socket() {
    const int current = PQsocket(connection);
    if (current < 0) return fail(ErrorCode::unavailable, "libpq has no socket");
    if (current == watched) return {};
    forget_socket();
    boost::system::error_code error;
    socket.assign(current, error);
    if (error) return fail(ErrorCode::unavailable, "cannot watch libpq's socket: " + error.message());
    watched = current;
    return {};
  }
  static void receive_notice(void* argument, const PGresult* notice) {
    auto* state = static_cast<State*>(argument);
    if (is_unreplicated_commit_warning(notice)) state->has_unreplicated_commit = true;
  }

  PGconn* connection = nullptr;
  asio::posix::stream_descriptor socket;
  asio::steady_timer timer;
  int watched = -1;
  std::uint64_t wait_number = 0;
  bool is_busy = false;
  bool has_unreplicated_commit = false;
  bool is_past_deadline = false;
  std::string sqlstate;
};

/// A query that is abandoned by cancellation (an exception) ends its session: the answer must not reach the next query.
struct PqConnection::InFlight {
  std::shared_ptr<State> state;
  ~InFlight() {
    if (state->is_busy) state->close();
  }
};

PqConnection::PqConnection(std::shared_ptr<State> state) : state_(std::move(state)) {}
PqConnection::PqConnection(PqConnection&&) noexcept = default;
PqConnection& PqConnection::operator=(PqConnection&& other) noexcept {
  if (this != &other) {
    close();
    state_ = std::move(other.state_);
  }
  return *this;
}
PqConnection::~PqConnection() { close(); }

void PqConnection::close() {
  if (state_) state_->close();
}
bool PqConnection::is_connection_lost() const {
  return !state_ || state_->connection == nullptr || PQstatus(state_->connection) != CONNECTION_OK;
}
bool PqConnection::is_busy() const { return state_ && state_->is_busy; }
bool PqConnection::has_unread() const {
  if (is_connection_lost()) return false;
  pollfd socket{PQsocket(state_->connection), POLLIN, 0};
  return ::poll(&socket, 1, 0) > 0;
}
const std::string& PqConnection::last_sqlstate() const { return state_->sqlstate; }
int PqConnection::backend_pid() const { return is_connection_lost() ? 0 : PQbackendPID(state_->connection); }

Result<std::string> PqConnection::scram_verifier(const std::string& role, const std::string& password) const {
  if (is_connection_lost()) return fail(ErrorCode::unavailable, "no session");
  char* text = PQencryptPasswordConn(state_->connection, password.c_str(), role.c_str(), "scram-sha-256");
  if (text == nullptr) return fail(ErrorCode::invalid, one_line(PQerrorMessage(state_->connection)));
  std::string verifier = text;
  PQfreemem(text);
  return verifier;
}

/// Waits for readiness. The timer cancels this very wait only: a late timer must not end the next one.
Task<Status> PqConnection::wait_socket(std::shared_ptr<State> state, bool for_write, TimePoint deadline) {
  if (auto watched = state->watch_current_socket(); !watched) co_return watched;
  const Duration left = deadline - runtime::boot_now();
  if (left <= Duration::zero()) co_return fail(ErrorCode::timed_out, "deadline passed");
  const std::uint64_t number = ++state->wait_number;
  state->is_past_deadline = false;
  state->timer.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(left));
  state->timer.async_wait([state, number](boost::system::error_code error) {
    if (error || number != state->wait_number) return;
    state->is_past_deadline = true;
    boost::system::error_code ignored;  // nothing left to cancel is as good as cancelled
    state->socket.cancel(ignored);
  });
  using Descriptor = asio::posix::stream_descriptor;
  const auto what = for_write ? Descriptor::wait_write : Descriptor::wait_read;
  auto [error] = co_await state->socket.async_wait(what, asio::as_tuple(asio::use_awaitable));
  if (number == state->wait_number) ++state->wait_number;
  state->timer.cancel();
  if (state->connection == nullptr) co_return fail(ErrorCode::timed_out, "session closed while waiting");
  if (!error) co_return Status{};
  if (state->is_past_deadline) co_return fail(ErrorCode::timed_out, "deadline passed");
  if (error == asio::error::operation_aborted) co_return fail(ErrorCode::cancelled, "cancelled");
  co_return fail(ErrorCode::timed_out, "waiting on the socket: " + error.message());
}

Task<Result<PqConnection>> PqConnection::connect(asio::any_io_executor executor, std::string conninfo, Duration limit) {
  const TimePoint deadline = runtime::boot_now() + limit;
  auto state = std::make_shared<State>(executor);
  state->connection = PQconnectStart(conninfo.c_str());
  if (state->connection == nullptr) co_return fail(ErrorCode::unavailable, "libpq: out of memory");
  auto connected = co_await run_connect(state, deadline);
  if (!connected) {
    state->close();
    co_return std::unexpected(connected.error().with("connect to PostgreSQL"));
  }
  PQsetNoticeReceiver(state->connection, &State::receive_notice, state.get());
  if (PQsetnonblocking(state->connection, 1) != 0)
    co_return fail(ErrorCode::unavailable, "libpq: cannot be non-blocking");
  co_return PqConnection(std::move(state));
}

Task<Status> PqConnection::run_connect(std::shared_ptr<State> state, TimePoint deadline) {
  if (PQstatus(state->connection) == CONNECTION_BAD)
    co_return fail(ErrorCode::unavailable, one_line(PQerrorMessage(state->connection)));
  PostgresPollingStatusType phase = PGRES_POLLING_WRITING;
  while (phase != PGRES_POLLING_OK) {
    auto ready = co_await wait_socket(state, phase == PGRES_POLLING_WRITING, deadline);
    if (!ready) co_return ready;
    phase = PQconnectPoll(state->connection);
    if (phase == PGRES_POLLING_FAILED)
      co_return fail(ErrorCode::unavailable, one_line(PQerrorMessage(state->connection)));
  }
  co_return Status{};
}

Task<Result<Rows>> PqConnection::query(std::string sql, std::vector<std::string> params, Duration limit) {
  auto results = co_await run(state_, std::move(sql), std::move(params), limit);
  if (!results) co_return std::unexpected(results.error());
  if (results->empty()) co_return Rows{};
  co_return std::move(results->back());
}

Task<Result<std::vector<Rows>>> PqConnection::query_all(std::string sql, Duration limit) {
  return run(state_, std::move(sql), {}, limit);
}

Task<Result<std::vector<Rows>>> PqConnection::run(std::shared_ptr<State> state, std::string sql,
                                                  std::vector<std::string> params, Duration limit) {
  if (!state || state->connection == nullptr || PQstatus(state->connection) != CONNECTION_OK)
    co_return fail(ErrorCode::unavailable, "no session");
  if (state->is_busy) co_return fail(ErrorCode::refused, "another query of this session is in flight");
  const TimePoint deadline = runtime::boot_now() + limit;
  state->is_busy = true;
  state->has_unreplicated_commit = false;
  state->sqlstate.clear();
  std::vector<const char*> values;
  for (const auto& param : params) values.push_back(param.c_str());
  const int sent = params.empty() ? PQsendQuery(state->connection, sql.c_str())
                                  : PQsendQueryParams(state->connection, sql.c_str(), static_cast<int>(values.size()),
                                                      nullptr, values.data(), nullptr, nullptr, 0);
  if (sent == 0) {
    Error error{ErrorCode::unavailable, "send: " + one_line(PQerrorMessage(state->connection)), 0};
    state->close();
    co_return std::unexpected(error);
  }
  const InFlight in_flight{state};
  auto results = co_await collect(state, deadline);
  state->is_busy = false;
  co_return results;
}

Task<Status> PqConnection::flush(std::shared_ptr<State> state, TimePoint deadline) {
  for (;;) {
    const int left = PQflush(state->connection);
    if (left == 0) co_return Status{};
    if (left < 0) co_return fail(ErrorCode::timed_out, "send: " + one_line(PQerrorMessage(state->connection)));
    auto ready = co_await wait_socket(state, true, deadline);
    if (!ready) co_return ready;
  }
}

/// Reads until the server is ready for the next query. Leaving early closes the session, so no answer is ever taken
/// for that of a later query.
Task<Result<std::vector<Rows>>> PqConnection::collect(std::shared_ptr<State> state, TimePoint deadline) {
  std::vector<Rows> all;
  std::optional<Error> failure;
  auto outcome = co_await flush(state, deadline);
  while (outcome) {
    if (PQisBusy(state->connection) != 0) {
      outcome = co_await wait_socket(state, false, deadline);
      if (outcome && PQconsumeInput(state->connection) == 0)
        outcome = fail(ErrorCode::timed_out, "session lost: " + one_line(PQerrorMessage(state->connection)));
      continue;
    }
    PGresult* result = PQgetResult(state->connection);
    if (result == nullptr) break;
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
      all.push_back(rows_from(result));
    } else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      outcome = fail(ErrorCode::unsupported, "COPY is not supported here");
    } else if (status != PGRES_EMPTY_QUERY && !failure) {
      failure = error_from(result);
      state->sqlstate = sqlstate_of(result);
    }
    PQclear(result);
  }
  if (!outcome) {
    state->close();
    co_return std::unexpected(failure.value_or(outcome.error()));
  }
  if (failure) co_return std::unexpected(*failure);
  if (state->has_unreplicated_commit) {
    state->sqlstate = "01000";
    co_return fail(ErrorCode::timed_out, "committed here, but the wait for the standby was cancelled [SQLSTATE 01000]");
  }
  co_return all;
}

}  // namespace gemel::adapters::postgres
