// From libpq's results to Rows and Error. Included by the client layer's sources only (it shows libpq-fe.h).
#pragma once

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include "adapters/postgres/pq_connection.h"

namespace gemel::adapters::postgres {

Rows rows_from(const PGresult* result);
std::string sqlstate_of(const PGresult* result);
/// What an SQLSTATE means for the caller; "" (no answer from the server) is `timed_out`, because it was sent.
ErrorCode code_of_sqlstate(std::string_view sqlstate);
Error error_from(const PGresult* result);
/// True for the WARNING of a commit whose wait for the synchronous standby was cancelled (SQLSTATE 01000): the client
/// is told success although the standby may lack the commit.
bool is_unreplicated_commit_warning(const PGresult* notice);
/// libpq's message on one line.
std::string one_line(std::string_view message);

}  // namespace gemel::adapters::postgres
