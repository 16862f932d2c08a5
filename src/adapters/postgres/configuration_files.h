// PostgreSQL's configuration files as text, and the two of them that are read back. Pure: nothing here touches a disk.
//
//   postgresql.conf      includes the three below; nothing else in it
//   gemel.conf           everything that only changes with the host's configuration
//   gemel.names.conf     synchronous_standby_names
//   gemel.upstream.conf  primary_conninfo, with the upstream's name in a comment
#pragma once

#include <string>
#include <string_view>

#include "adapters/postgres/postgres_config.h"
#include "base/error.h"
#include "base/ids.h"

namespace gemel::adapters::postgres {

inline constexpr const char* replication_role = "gemel_replication";
inline constexpr const char* rewind_role = "gemel_rewind";
inline constexpr const char* superuser_role = "postgres";
/// application_name of the agent's own sessions; they survive the clearing of sessions at a promotion.
inline constexpr const char* agent_application = "gemeld";

std::string render_postgresql_conf();
std::string render_gemel_conf(const PostgresConfig& config);
/// The value alone: FIRST k ("a","b"), or empty for no synchronous standby.
std::string render_names_value(const NodeSet& names);
std::string render_names_conf(const NodeSet& names);
/// The value of primary_conninfo for `upstream`; empty for nobody or an unknown node.
std::string render_upstream_value(const PostgresConfig& config, const NodeId& upstream);
std::string render_upstream_conf(const PostgresConfig& config, const NodeId& upstream);
std::string render_hba(const PostgresConfig& config);
std::string render_ident(const PostgresConfig& config);
std::string render_passfile(const PostgresConfig& config);

/// `corrupt` when the text is not what render_names_conf wrote: the list is then unknown, not empty.
Result<NodeSet> parse_names_conf(std::string_view text);
Result<NodeId> parse_upstream_conf(std::string_view text);

/// Connection strings: the agent's own sessions by the local socket, and the tools' to another node by TLS.
std::string local_conninfo(const PostgresConfig& config, const std::string& database);
std::string clone_conninfo(const PostgresConfig& config, const NodeId& source);
std::string rewind_conninfo(const PostgresConfig& config, const NodeId& source);

/// One SQL statement per element; `template1` ones first, so that the application's database inherits them.
/// Verifiers are SCRAM verifiers, never passwords.
struct RoleVerifiers {
  std::string replication, rewind, application;
};
std::string render_template_sql();
std::string render_roles_sql(const PostgresConfig& config, const RoleVerifiers& verifiers);
std::string render_create_database_sql(const PostgresConfig& config);
std::string render_rewind_grants_sql();

}  // namespace gemel::adapters::postgres
