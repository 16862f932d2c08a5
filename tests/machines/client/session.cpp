#include "client/session.h"

#include <poll.h>

#include <cstring>

namespace gemel::client {

namespace {

using Clock = std::chrono::steady_clock;

/// Waits until the descriptor is readable/writable or the time has come; false at the time.
bool wait_for(int descriptor, short events, Clock::time_point until) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd item{descriptor, events, 0};
    const int ready = poll(&item, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

void note_warning(void* warned, const PGresult* result) {
  const char* severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity != nullptr && std::strcmp(severity, "WARNING") == 0) *static_cast<bool*>(warned) = true;
}

bool is_plain_error(const PGresult* result) {
  const char* severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  return severity != nullptr && std::strcmp(severity, "ERROR") == 0;
}

Rows rows_of(const PGresult* result) {
  Rows rows;
  for (int row = 0; row < PQntuples(result); ++row) {
    auto& cells = rows.emplace_back();
    for (int column = 0; column < PQnfields(result); ++column) cells.emplace_back(PQgetvalue(result, row, column));
  }
  return rows;
}

}  // namespace

Session::Session(Connection connection, Limits limits)
    : connection_(std::move(connection)), warned_(std::make_unique<bool>(false)), limits_(limits) {
  PQsetNoticeReceiver(connection_.get(), note_warning, warned_.get());
}

std::optional<Session> Session::connect(const std::string& dsn, Limits limits, std::string& error) {
  const auto start = Clock::now();
  // tcp_user_timeout: the kernel gives up on unanswered data; GSS would add a round trip.
  const auto full = dsn + " gssencmode=disable tcp_user_timeout=1000 keepalives_idle=2";
  Connection connection(PQconnectStart(full.c_str()), PQfinish);
  if (!connection || PQstatus(connection.get()) == CONNECTION_BAD) {
    error = connection ? PQerrorMessage(connection.get()) : "out of memory";
    return std::nullopt;
  }
  auto wanted = PGRES_POLLING_WRITING;
  while (wanted != PGRES_POLLING_OK) {
    const bool is_reaching = PQstatus(connection.get()) == CONNECTION_STARTED;
    const auto until = start + (is_reaching ? limits.reach : limits.connect);
    const auto events = static_cast<short>(wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT);
    if (!wait_for(PQsocket(connection.get()), events, until)) {
      error = is_reaching ? "no TCP connection in time" : "no session in time";
      return std::nullopt;
    }
    wanted = PQconnectPoll(connection.get());
    if (wanted == PGRES_POLLING_FAILED) {
      error = PQerrorMessage(connection.get());
      return std::nullopt;
    }
  }
  if (PQsetnonblocking(connection.get(), 1) != 0) return std::nullopt;
  return Session(std::move(connection), limits);
}

Session::Answer Session::run(const std::string& statement, const std::vector<std::string>& parameters,
                             std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  PGconn* connection = connection_.get();
  std::vector<const char*> values;
  for (const auto& parameter : parameters) values.push_back(parameter.c_str());
  Answer last(nullptr, PQclear);
  if (PQsendQueryParams(connection, statement.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                        nullptr, 0) != 1) {
    return last;
  }
  while (true) {
    const int unsent = PQflush(connection);
    if (unsent < 0) return {nullptr, PQclear};
    while (PQisBusy(connection) == 0) {
      Answer answer(PQgetResult(connection), PQclear);
      if (!answer) return last;  // the statement has ended
      last = std::move(answer);
    }
    const auto events = static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN);
    if (!wait_for(PQsocket(connection), events, until)) return {nullptr, PQclear};
    if (PQconsumeInput(connection) != 1) return {nullptr, PQclear};
  }
}

Reply Session::submit(const std::string& statement, const std::vector<std::string>& parameters) {
  *warned_ = false;
  const auto answer = run(statement, parameters, limits_.answer);
  if (!answer) return {Outcome::unknown, {}, {}, "no answer: " + std::string(PQerrorMessage(connection_.get()))};
  const auto status = PQresultStatus(answer.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
    if (*warned_) return {Outcome::unknown, {}, {}, "acknowledged with a warning"};
    return {Outcome::acknowledged, PQcmdStatus(answer.get()), rows_of(answer.get()), {}};
  }
  // FATAL may arrive after the commit is on disk; only a plain ERROR on a session that lives says "not done".
  const bool is_alive = PQstatus(connection_.get()) == CONNECTION_OK;
  const bool is_refused = is_alive && !*warned_ && is_plain_error(answer.get());
  return {is_refused ? Outcome::refused : Outcome::unknown, {}, {}, PQresultErrorMessage(answer.get())};
}

Outcome Session::execute(const std::string& statement, const std::vector<std::string>& parameters, std::string& error) {
  auto reply = submit(statement, parameters);
  if (!reply.is_acknowledged()) error = std::move(reply.error);
  return reply.outcome;
}

std::optional<Rows> Session::query(const std::string& statement, const std::vector<std::string>& parameters,
                                   std::chrono::milliseconds limit, std::string& error) {
  const auto answer = run(statement, parameters, limit);
  if (!answer || PQresultStatus(answer.get()) != PGRES_TUPLES_OK) {
    error = answer ? PQresultErrorMessage(answer.get()) : PQerrorMessage(connection_.get());
    if (error.empty()) error = "no answer in time";
    return std::nullopt;
  }
  return rows_of(answer.get());
}

}  // namespace gemel::client
