// One PostgreSQL session of a measuring client, with a deadline on every step. A session that missed a deadline is
// dropped, never cancelled: a cancel request during COMMIT would acknowledge what no standby has.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gemel::client {

/// acknowledged: the server said that it is done, without a warning. refused: the server said ERROR and the session
/// lives, so it has no effect. unknown: anything else that was sent (time-out, lost connection, a WARNING).
enum class Outcome : std::uint8_t { acknowledged, refused, unknown };

struct Limits {
  std::chrono::milliseconds reach{100};    // until the TCP connection stands (a lost SYN is repeated after 1 s only)
  std::chrono::milliseconds connect{400};  // until the session is ready, TLS and authentication included
  std::chrono::milliseconds answer{250};   // until a statement is answered
};

using Rows = std::vector<std::vector<std::string>>;  // NULL is an empty text

/// What became of one statement.
struct Reply {
  Outcome outcome = Outcome::unknown;
  std::string tag = {};    // the command tag when acknowledged, e.g. "INSERT 0 1", "COMMIT", "ROLLBACK"
  Rows rows = {};          // when acknowledged
  std::string error = {};  // for a person, when not acknowledged
  [[nodiscard]] bool is_acknowledged() const { return outcome == Outcome::acknowledged; }
};

/// One thread at a time.
class Session {
 public:
  /// Tries once; empty when a limit passed or the server refused, with the reason in `error`. `dsn` has the form
  /// "keyword=value ...".
  static std::optional<Session> connect(const std::string& dsn, Limits limits, std::string& error);
  /// Runs one statement; acknowledged only without ERROR and without any WARNING. After `unknown` drop the session.
  Reply submit(const std::string& statement, const std::vector<std::string>& parameters = {});
  /// The same for who needs the outcome alone.
  Outcome execute(const std::string& statement, const std::vector<std::string>& parameters, std::string& error);
  /// Runs a query with a limit of its own; empty on any trouble.
  std::optional<Rows> query(const std::string& statement, const std::vector<std::string>& parameters,
                            std::chrono::milliseconds limit, std::string& error);

 private:
  using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
  using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;
  Session(Connection connection, Limits limits);
  /// The last result of the statement; null when the limit passed or the connection broke.
  Answer run(const std::string& statement, const std::vector<std::string>& parameters, std::chrono::milliseconds limit);

  Connection connection_;
  std::unique_ptr<bool> warned_;  // set by the notice receiver, hence at a fixed place
  Limits limits_;
};

}  // namespace gemel::client
