// How values are written into the languages PostgreSQL reads: configuration files, connection strings, SQL and
// password files. Pure functions; every rendered value passes through one of them.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace gemel::adapters::postgres {

/// 'value' for postgresql.conf: quotes doubled, backslashes and control characters escaped.
std::string quote_setting(std::string_view value);
/// "name" for SQL, for pg_hba.conf and for synchronous_standby_names: double quotes doubled.
std::string quote_identifier(std::string_view name);
/// 'text' for SQL; E'…' when it holds a backslash, so that it is right whatever standard_conforming_strings says.
std::string quote_literal(std::string_view text);
/// One field of a .pgpass line: colon and backslash escaped.
std::string escape_passfile(std::string_view field);
/// "key='value' key2='value2'" in key order; entries with an empty value are left out.
std::string make_conninfo(const std::map<std::string, std::string>& options);

}  // namespace gemel::adapters::postgres
