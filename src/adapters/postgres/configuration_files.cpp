// Rendering of PostgreSQL's configuration. Every value goes through quoting.h; reasons for numbers stand beside them.
#include "adapters/postgres/configuration_files.h"

#include <utility>
#include <vector>

#include "adapters/postgres/quoting.h"
#include "base/text.h"

namespace gemel::adapters::postgres {
namespace {

using Setting = std::pair<std::string, std::string>;

std::string setting(const std::string& name, const std::string& value) {
  return name + " = " + quote_setting(value) + "\n";
}

std::string tls_file(const PostgresConfig& config, const char* name) { return (config.tls_dir / name).string(); }

/// Sizes and habits that a site may tune.
std::vector<Setting> defaults() {
  return {
      {"max_connections", "200"},
      {"superuser_reserved_connections", "10"},  // the agent always gets in
      {"shared_buffers", "128MB"},
      {"max_wal_size", "1GB"},
      {"wal_keep_size", "512MB"},  // floor for a standby that was away, and for the rewind of this directory
      {"checkpoint_completion_target", "0.9"},
      {"idle_in_transaction_session_timeout", "60s"},
      {"log_line_prefix", "%m [%p] %q%u@%d/%a "},
      {"log_checkpoints", "off"},
      {"datestyle", "iso, mdy"},
      {"timezone", "Etc/UTC"},
      {"log_timezone", "Etc/UTC"},
      {"lc_monetary", "C.UTF-8"},
      {"lc_numeric", "C.UTF-8"},
      {"lc_time", "C.UTF-8"},
      {"default_text_search_config", "pg_catalog.english"},
      {"dynamic_shared_memory_type", "posix"},
  };
}

/// What the protocol relies on; written last, so that it wins over tuning.
std::vector<Setting> managed(const PostgresConfig& config) {
  return {
      {"cluster_name", config.self.name},
      {"listen_addresses", config.listen_addresses},
      {"port", std::to_string(config.port)},
      {"unix_socket_directories", config.socket_dir.string()},
      {"unix_socket_permissions", "0777"},  // pg_hba admits root and the server's own user only
      {"hba_file", (config.data_dir / "pg_hba.conf").string()},
      {"ident_file", (config.data_dir / "pg_ident.conf").string()},
      {"ssl", "on"},
      {"ssl_min_protocol_version", "TLSv1.2"},
      {"ssl_ca_file", tls_file(config, "ca.crt")},
      {"ssl_cert_file", tls_file(config, "server.crt")},
      {"ssl_key_file", tls_file(config, "server.key")},
      {"password_encryption", "scram-sha-256"},
      {"fsync", "on"},
      {"full_page_writes", "on"},
      {"synchronous_commit", "on"},
      {"wal_level", "replica"},
      {"wal_log_hints", "on"},
      {"hot_standby", "on"},
      {"max_wal_senders", "10"},
      {"max_replication_slots", "10"},
      {"restart_after_crash", "off"},  // the agent decides between restart and hand-over
      {"recovery_target_timeline", "latest"},
      {"max_standby_streaming_delay", "200ms"},  // a query on the standby must not hold up a promotion
      {"max_standby_archive_delay", "200ms"},
      {"wal_retrieve_retry_interval", "100ms"},
      {"wal_receiver_timeout", "2s"},
      {"wal_receiver_status_interval", "1s"},
      {"wal_sender_timeout", "3s"},
      {"tcp_keepalives_idle", "5"},
      {"tcp_keepalives_interval", "1"},
      {"tcp_keepalives_count", "4"},
      {"tcp_user_timeout", "5s"},
      {"client_connection_check_interval", "2s"},
      {"logging_collector", "off"},
      {"log_destination", "stderr"},
      {"lc_messages", "C"},
  };
}

std::map<std::string, std::string> node_options(const PostgresConfig& config, const PostgresPeer& peer) {
  return {
      {"host", peer.node.name},  // the name the certificate must carry
      {"hostaddr", peer.address},
      {"port", std::to_string(peer.port)},
      {"sslmode", "verify-full"},
      {"sslrootcert", tls_file(config, "ca.crt")},
      {"passfile", tls_file(config, "passfile")},
      {"channel_binding", "require"},
      {"connect_timeout", "2"},
      {"keepalives_idle", "2"},
      {"keepalives_interval", "1"},
      {"keepalives_count", "2"},
      {"tcp_user_timeout", "3000"},
  };
}

std::string replication_conninfo(const PostgresConfig& config, const NodeId& node, const std::string& application) {
  const PostgresPeer* peer = config.find(node);
  if (peer == nullptr) return {};
  auto options = node_options(config, *peer);
  options["user"] = replication_role;
  options["application_name"] = application;
  options["sslcert"] = tls_file(config, "replication.crt");
  options["sslkey"] = tls_file(config, "replication.key");
  return make_conninfo(options);
}

std::string host_mask(const std::string& address) {
  return address + (address.find(':') == std::string::npos ? "/32" : "/128");
}

constexpr std::string_view upstream_mark = "# upstream: ";
constexpr std::string_view names_mark = "# name: ";

}  // namespace

std::string render_postgresql_conf() {
  return "# Written by Gemel at every start. Tune in the site file.\n"
         "include 'gemel.conf'\ninclude 'gemel.names.conf'\ninclude 'gemel.upstream.conf'\n";
}

std::string render_gemel_conf(const PostgresConfig& config) {
  std::map<std::string, std::string> tunable;
  for (auto& [name, value] : defaults()) tunable[name] = value;
  for (const auto& [name, value] : config.tuning) tunable[name] = value;
  std::string text = "# Written by Gemel at every start. Tunable:\n";
  for (const auto& [name, value] : tunable) text += setting(name, value);
  text += "# Managed:\n";
  for (const auto& [name, value] : managed(config)) text += setting(name, value);
  return text;
}

std::string render_names_value(const NodeSet& names) {
  if (names.empty()) return {};
  std::vector<std::string> quoted;
  for (const auto& node : names) quoted.push_back(quote_identifier(node.name));
  return "FIRST " + std::to_string(quoted.size()) + " (" + join(quoted, ",") + ")";
}

std::string render_names_conf(const NodeSet& names) {
  std::string text;
  for (const auto& node : names) text += std::string(names_mark) + node.name + "\n";
  return text + setting("synchronous_standby_names", render_names_value(names));
}

std::string render_upstream_value(const PostgresConfig& config, const NodeId& upstream) {
  return upstream.empty() ? std::string() : replication_conninfo(config, upstream, config.self.name);
}

std::string render_upstream_conf(const PostgresConfig& config, const NodeId& upstream) {
  return std::string(upstream_mark) + upstream.name + "\n" +
         setting("primary_conninfo", render_upstream_value(config, upstream));
}

std::string render_hba(const PostgresConfig& config) {
  std::string text = "# Written by Gemel at every start.\nlocal all postgres peer map=gemel\n";
  for (const auto& peer : config.peers) {
    const std::string from = host_mask(peer.address);
    text +=
        "hostssl replication " + std::string(replication_role) + " " + from + " scram-sha-256 clientcert=verify-full\n";
    text += "hostssl postgres " + std::string(rewind_role) + " " + from + " scram-sha-256 clientcert=verify-full\n";
  }
  text += "hostssl " + quote_identifier(config.application.database) + " " + quote_identifier(config.application.user) +
          " all scram-sha-256\n";
  return text + "local all all reject\nhost all all all reject\nhost replication all all reject\n";
}

std::string render_ident(const PostgresConfig& config) {
  std::string text = "# Written by Gemel at every start.\ngemel root postgres\n";
  if (config.os_user != "root") text += "gemel " + quote_identifier(config.os_user) + " postgres\n";
  return text;
}

std::string render_passfile(const PostgresConfig& config) {
  return "*:*:*:" + std::string(replication_role) + ":" + escape_passfile(config.replication_password) + "\n" +
         "*:*:*:" + rewind_role + ":" + escape_passfile(config.rewind_password) + "\n";
}

Result<NodeSet> parse_names_conf(std::string_view text) {
  NodeSet names;
  for (const auto& line : split(text, '\n')) {
    if (line.starts_with(names_mark)) names.insert(NodeId{line.substr(names_mark.size())});
  }
  if (render_names_conf(names) != text) return fail(ErrorCode::corrupt, "gemel.names.conf is not as written");
  return names;
}

Result<NodeId> parse_upstream_conf(std::string_view text) {
  if (!text.starts_with(upstream_mark)) return fail(ErrorCode::corrupt, "gemel.upstream.conf is not as written");
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return fail(ErrorCode::corrupt, "gemel.upstream.conf is cut short");
  return NodeId{std::string(text.substr(upstream_mark.size(), end - upstream_mark.size()))};
}

std::string local_conninfo(const PostgresConfig& config, const std::string& database) {
  return make_conninfo({{"host", config.socket_dir.string()},
                        {"port", std::to_string(config.port)},
                        {"user", superuser_role},
                        {"dbname", database},
                        {"application_name", agent_application},
                        // The agent's own commits must never wait for a standby, and its waits have their own limits.
                        {"options", "-c synchronous_commit=local -c statement_timeout=0"}});
}

std::string clone_conninfo(const PostgresConfig& config, const NodeId& source) {
  // Not the node's own name: a backup's WAL sender must never count as a synchronous standby.
  return replication_conninfo(config, source, "gemel_clone");
}

std::string rewind_conninfo(const PostgresConfig& config, const NodeId& source) {
  const PostgresPeer* peer = config.find(source);
  if (peer == nullptr) return {};
  auto options = node_options(config, *peer);
  options["user"] = rewind_role;
  options["dbname"] = "postgres";
  options["application_name"] = "gemel_rewind";
  options["sslcert"] = tls_file(config, "rewind.crt");
  options["sslkey"] = tls_file(config, "rewind.key");
  return make_conninfo(options);
}

std::string render_template_sql() {
  // A cancelled commit wait acknowledges what no standby has (failure-modes 2.1 #1); these are the two functions by
  // which an ordinary role could cause it.
  return "revoke execute on function pg_catalog.pg_cancel_backend(integer) from public;"
         "revoke execute on function pg_catalog.pg_terminate_backend(integer, bigint) from public;";
}

std::string render_roles_sql(const PostgresConfig& config, const RoleVerifiers& verifiers) {
  const auto role = [](const std::string& name, const std::string& kind, const std::string& verifier) {
    return "create role " + quote_identifier(name) + " login " + kind + " password " + quote_literal(verifier) + ";";
  };
  return role(replication_role, "replication", verifiers.replication) + role(rewind_role, "", verifiers.rewind) +
         role(config.application.user, "", verifiers.application);
}

std::string render_create_database_sql(const PostgresConfig& config) {
  return "create database " + quote_identifier(config.application.database) + " owner " +
         quote_identifier(config.application.user);
}

std::string render_rewind_grants_sql() {
  // The functions the pg_rewind manual page lists for a role that is not a superuser.
  std::string text;
  for (const char* function : {"pg_ls_dir(text, boolean, boolean)", "pg_stat_file(text, boolean)",
                               "pg_read_binary_file(text)", "pg_read_binary_file(text, bigint, bigint, boolean)"}) {
    text += "grant execute on function pg_catalog." + std::string(function) + " to " + rewind_role + ";";
  }
  return text;
}

}  // namespace gemel::adapters::postgres
