// A libpq connection as coroutines on Asio: connect and query without blocking the loop, each with a deadline, and
// with the three outcomes kept apart. What a result is made of lives in pq_result.cpp.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "runtime/task_scope.h"

namespace gemel::adapters::postgres {

/// The result of one statement, in PostgreSQL's text form. NULL is nullopt.
struct Rows {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> values;
  std::string command;         // the command tag, e.g. "INSERT 0 1"
  std::uint64_t affected = 0;  // rows, as the tag says
  /// The field of the first row, or "" when there is no row or it is NULL.
  [[nodiscard]] std::string first(std::size_t column = 0) const;
};

/// One session. Owner: whoever connected; movable. Loop thread only; one query at a time (a second one is `refused`).
/// Cancelling a call, or passing its deadline, closes the session: what the statement did is then unknown.
///
/// Errors of query(): `unavailable` = certainly not executed (no session, or terminated before the end by the server);
/// `timed_out` = unknown: the deadline passed, the session was lost after sending, or the commit's wait for the standby
/// was cancelled (WARNING 01000: committed here, not certainly there). `refused`, `conflict` (unique violation,
/// serialization, deadlock), `denied`, `invalid` = the server said no and rolled back; see last_sqlstate().
class PqConnection {
 public:
  /// `conninfo` is libpq's; give hostaddr next to host, because libpq's name look-up blocks. TLS by sslmode,
  /// sslrootcert, sslcert, sslkey. `unavailable` when the server does not answer or refuses the session; `timed_out`
  /// after `limit` (nothing was executed in either case).
  static runtime::Task<Result<PqConnection>> connect(boost::asio::any_io_executor executor, std::string conninfo,
                                                     Duration limit);
  PqConnection(PqConnection&&) noexcept;
  PqConnection& operator=(PqConnection&&) noexcept;
  ~PqConnection();

  /// Without parameters the simple protocol: several statements separated by ';' are one implicit transaction, and the
  /// result of the last one is given. With parameters ($1 …, text form) one statement.
  runtime::Task<Result<Rows>> query(std::string sql, std::vector<std::string> params, Duration limit);
  /// Simple protocol; the results of all statements in order.
  runtime::Task<Result<std::vector<Rows>>> query_all(std::string sql, Duration limit);

  /// True once the session cannot be used any more; connect again.
  [[nodiscard]] bool is_connection_lost() const;
  [[nodiscard]] bool is_busy() const;
  /// On an idle session: the server ended it (or reloaded its settings), though nobody has looked yet.
  [[nodiscard]] bool has_unread() const;
  /// SQLSTATE of the last query's error, or of the warning that made it unknown; empty when it succeeded.
  [[nodiscard]] const std::string& last_sqlstate() const;
  [[nodiscard]] int backend_pid() const;
  /// The SCRAM verifier for CREATE/ALTER ROLE, so that no password is ever in a statement.
  [[nodiscard]] Result<std::string> scram_verifier(const std::string& role, const std::string& password) const;
  void close();

 private:
  struct State;
  struct InFlight;
  explicit PqConnection(std::shared_ptr<State> state);
  static runtime::Task<Status> wait_socket(std::shared_ptr<State> state, bool for_write, TimePoint deadline);
  static runtime::Task<Status> run_connect(std::shared_ptr<State> state, TimePoint deadline);
  static runtime::Task<Status> flush(std::shared_ptr<State> state, TimePoint deadline);
  static runtime::Task<Result<std::vector<Rows>>> run(std::shared_ptr<State> state, std::string sql,
                                                      std::vector<std::string> params, Duration limit);
  static runtime::Task<Result<std::vector<Rows>>> collect(std::shared_ptr<State> state, TimePoint deadline);
  std::shared_ptr<State> state_;
};

}  // namespace gemel::adapters::postgres
