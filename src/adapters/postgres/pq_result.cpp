// Reading libpq's results: rows, command tags, SQLSTATE classes (appendix A of the PostgreSQL manual).
#include "adapters/postgres/pq_result.h"

#include <cstdlib>

#include "base/text.h"

namespace gemel::adapters::postgres {
namespace {

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string() : std::string(text);
}

}  // namespace

std::string Rows::first(std::size_t column) const {
  if (values.empty() || column >= values[0].size()) return {};
  return values[0][column].value_or("");
}

Rows rows_from(const PGresult* result) {
  Rows rows;
  const int columns = PQnfields(result);
  for (int c = 0; c < columns; ++c) rows.columns.emplace_back(PQfname(result, c));
  for (int r = 0; r < PQntuples(result); ++r) {
    auto& row = rows.values.emplace_back();
    for (int c = 0; c < columns; ++c) {
      if (PQgetisnull(result, r, c) != 0) {
        row.emplace_back(std::nullopt);
      } else {
        row.emplace_back(std::string(PQgetvalue(result, r, c), static_cast<std::size_t>(PQgetlength(result, r, c))));
      }
    }
  }
  // Both functions take a non-const result but only read it.
  auto* readable = const_cast<PGresult*>(result);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  rows.command = PQcmdStatus(readable);
  rows.affected = std::strtoull(PQcmdTuples(readable), nullptr, 10);
  return rows;
}

std::string sqlstate_of(const PGresult* result) { return field(result, PG_DIAG_SQLSTATE); }

ErrorCode code_of_sqlstate(std::string_view sqlstate) {
  if (sqlstate.empty() || sqlstate.starts_with("08")) return ErrorCode::timed_out;
  if (sqlstate == "23505" || sqlstate == "23P01" || sqlstate.starts_with("40")) return ErrorCode::conflict;
  // Terminated or not accepting: the statement was rolled back, another server or moment may take it.
  if (sqlstate == "57P01" || sqlstate == "57P03" || sqlstate.starts_with("53") || sqlstate.starts_with("58"))
    return ErrorCode::unavailable;
  // 57P02: a crash of another backend; the server does not say whether the commit was already done.
  if (sqlstate == "57P02") return ErrorCode::timed_out;
  if (sqlstate == "25006") return ErrorCode::unavailable;  // read-only: this server is a standby
  if (sqlstate == "42501" || sqlstate.starts_with("28")) return ErrorCode::denied;
  if (sqlstate == "0A000") return ErrorCode::unsupported;
  if (sqlstate == "42P01" || sqlstate == "42883" || sqlstate == "3D000") return ErrorCode::not_found;
  if (sqlstate.starts_with("22") || sqlstate.starts_with("23") || sqlstate.starts_with("42")) return ErrorCode::invalid;
  if (sqlstate.starts_with("XX001") || sqlstate.starts_with("XX002")) return ErrorCode::corrupt;
  return ErrorCode::refused;
}

Error error_from(const PGresult* result) {
  const std::string state = sqlstate_of(result);
  std::string text = field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (text.empty()) text = one_line(PQresultErrorMessage(result));
  if (!state.empty()) text += " [SQLSTATE " + state + "]";
  return Error{code_of_sqlstate(state), text, 0};
}

bool is_unreplicated_commit_warning(const PGresult* notice) {
  return sqlstate_of(notice) == "01000" && field(notice, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING";
}

std::string one_line(std::string_view message) {
  std::string out;
  for (char c : trim(message)) out += (c == '\n' || c == '\r' || c == '\t') ? ' ' : c;
  return out;
}

}  // namespace gemel::adapters::postgres
