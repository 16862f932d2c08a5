// The tables of the workloads, and the accounts of one run.
#include "torture/workload.h"

namespace gemel::torture {

namespace {

/// No constraint keeps a row of the append log or the ledger from being there twice: the checker must see it.
constexpr const char* tables[] = {
    "CREATE TABLE IF NOT EXISTS torture_append (run text NOT NULL, client int NOT NULL, counter bigint NOT NULL, "
    "position bigserial NOT NULL, written_at timestamptz NOT NULL DEFAULT clock_timestamp())",
    "CREATE TABLE IF NOT EXISTS torture_account (run text NOT NULL, id int NOT NULL, balance bigint NOT NULL, "
    "PRIMARY KEY (run, id))",
    "CREATE TABLE IF NOT EXISTS torture_transfer (run text NOT NULL, client int NOT NULL, counter bigint NOT NULL, "
    "source int NOT NULL, target int NOT NULL, amount bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS torture_register (run text NOT NULL, key bigint NOT NULL, value bigint NOT NULL, "
    "PRIMARY KEY (run, key))",
    "CREATE TABLE IF NOT EXISTS torture_stamp (run text NOT NULL, client int NOT NULL, counter bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS torture_probe (run text NOT NULL, client int NOT NULL, counter bigint NOT NULL, "
    "PRIMARY KEY (run, client)) WITH (fillfactor = 50)",
};

Status try_to_prepare(const Options& options) {
  std::string error;
  auto session = client::Session::connect(options.dsn + " application_name=gemel-torture", options.limits, error);
  if (!session) return fail(ErrorCode::unavailable, error);
  for (const auto* table : tables) {
    if (const auto reply = session->submit(table); reply.outcome != Outcome::acknowledged) {
      // IF NOT EXISTS of two sessions at once may collide, and a table that exists only gives a NOTICE.
      return fail(ErrorCode::unavailable, reply.error);
    }
  }
  if (options.command == Command::prepare) return {};
  const auto accounts = session->submit(
      "INSERT INTO torture_account SELECT $1, id, $2::bigint FROM generate_series(0, $3::int - 1) AS id "
      "ON CONFLICT DO NOTHING",
      {options.run, std::to_string(opening_balance), std::to_string(account_count)});
  if (!accounts.is_acknowledged()) return fail(ErrorCode::unavailable, accounts.error);
  return {};
}

}  // namespace

Status prepare(const Options& options, std::stop_token stop) {
  const auto until = now() + std::chrono::microseconds(options.settle).count();
  Status done;
  do {
    done = try_to_prepare(options);
    if (done) return done;
  } while (now() < until && wait_until(now() + 50'000, stop));
  return done;
}

}  // namespace gemel::torture
