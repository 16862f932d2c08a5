// One PostgreSQL session of the measuring client, with a deadline on every step. A session that missed a deadline is
// dropped, never cancelled: a cancel request during COMMIT would acknowledge what no standby has.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "outage/journal.h"

namespace gemel::outage {

struct Limits {
  std::chrono::milliseconds reach{100};    // until the TCP connection stands (a lost SYN is repeated after 1 s only)
  std::chrono::milliseconds connect{400};  // until the session is ready, TLS and authentication included
  std::chrono::milliseconds answer{250};   // until a statement is answered
};

class Session {
 public:
  /// Tries once; empty when a limit passed or the server refused, with the reason in `error`.
  static std::optional<Session> connect(const std::string& dsn, Limits limits, std::string& error);
  /// Runs one statement; acknowledged only without ERROR and without any WARNING. After `unknown` drop the session.
  Outcome execute(const std::string& statement, const std::vector<std::string>& parameters, std::string& error);
  /// Runs a query with a generous limit; empty on any trouble. Rows of text.
  std::optional<std::vector<std::vector<std::string>>> query(const std::string& statement,
                                                             const std::vector<std::string>& parameters,
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

}  // namespace gemel::outage
