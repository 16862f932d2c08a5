#include "manager/database_ways.h"

#include "adapters/postgres/quoting.h"
#include "base/text.h"
#include "runtime/files.h"
#include "runtime/name_lookup.h"

namespace gemel::manager {

Result<std::vector<std::string>> DatabaseWays::passwords() const {
  const auto present = runtime::read_file(config_.secret("application.password"));
  if (!present) return std::unexpected(present.error().with("the database password"));
  std::vector<std::string> passwords{std::string(trim(*present))};
  // `gemel rotate password` lays it before it changes the database's, and takes it away afterwards.
  if (const auto next = runtime::read_file(config_.secret("application.password.next")))
    passwords.emplace_back(trim(*next));
  return passwords;
}

std::string DatabaseWays::conninfo(const std::string& host, const std::string& address,
                                   const std::string& password) const {
  const auto& external = config_.database.external;
  // Channel binding keeps a password from whoever has a certificate that would be believed, and asks for SCRAM.
  return adapters::postgres::make_conninfo(
      {{"host", host},
       {"hostaddr", address},
       {"port", std::to_string(external ? external->port : config_.ports.postgres)},
       {"user", config_.database.application_user},
       {"dbname", config_.database.database_name},
       {"password", password},
       {"sslmode", "verify-full"},
       {"sslrootcert", (external ? external->ca : config_.pki("db-ca.crt")).string()},
       {"ssl_min_protocol_version", "TLSv1.2"},
       {"channel_binding", "require"},
       {"target_session_attrs", "read-write"},
       {"tcp_user_timeout", "2000"},
       {"keepalives_idle", "2"},
       {"keepalives_interval", "1"},
       {"keepalives_count", "2"},
       {"application_name", "gemel-manager"}});
}

Status DatabaseWays::check() const {
  if (!config_.database.external && !config_.database_address())
    return fail(ErrorCode::invalid, "the site has no virtual address for the database: the manager needs one");
  const auto known = passwords();
  if (!known) return std::unexpected(known.error());
  return {};
}

runtime::Task<Result<std::vector<std::string>>> DatabaseWays::find(Duration limit) {
  if (const auto status = check(); !status) co_return std::unexpected(status.error());
  std::string host;
  std::vector<std::string> addresses;
  if (const auto& external = config_.database.external) {
    host = external->host;
    auto found = co_await runtime::look_up_addresses(host, limit);
    if (!found && addresses_.empty()) co_return std::unexpected(found.error());
    if (found) addresses_ = *std::move(found);
    addresses = addresses_;
  } else {
    host = *config_.database_address();
    addresses = {host};
  }
  const auto known = passwords();
  if (!known) co_return std::unexpected(known.error());
  std::vector<std::string> ways;
  for (const auto& password : *known)
    for (const auto& address : addresses) ways.push_back(conninfo(host, address, password));
  co_return ways;
}

}  // namespace gemel::manager
