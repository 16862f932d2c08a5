#include "torture/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "client/session.h"
#include "torture/workload.h"

namespace gemel::torture {

namespace {

using client::Rows;
using client::Session;
using std::chrono::milliseconds;

constexpr client::Limits limits{milliseconds(500), milliseconds(2000), milliseconds(5000)};
constexpr milliseconds read_limit{60'000};
constexpr Time look_again = 300'000;  // us

std::int64_t number_in(const std::string& text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::optional<Session> open(const std::string& dsn, std::string& error) {
  return Session::connect(dsn + " application_name=gemel-torture-check options='-c timezone=UTC -c datestyle=ISO'",
                          limits, error);
}

constexpr auto* ask_state = R"(
SELECT pg_is_in_recovery(), current_setting('data_checksums'), (SELECT system_identifier FROM pg_control_system()),
  (SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database),
  (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'),
  (SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'),
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn,
  (SELECT count(*) FROM pg_replication_slots WHERE NOT active),
  (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir()))";

constexpr auto* ask_tables = R"(
SELECT quote_ident(nspname) || '.' || quote_ident(relname) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND relpersistence = 'p' AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%' ORDER BY 1)";

/// False with the host's problem when a table could not be read.
bool add_sums(Session& session, HostState& host) {
  const auto tables = session.query(ask_tables, {}, read_limit, host.problem);
  if (!tables) return false;
  for (const auto& table : *tables) {
    // Independent of the order in which rows lie; the text of a row has all its columns.
    const auto sum = session.query(
        "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM " + table.at(0) + " AS t", {},
        read_limit, host.problem);
    if (!sum) return false;
    host.sums[table.at(0)] = {sum->at(0).at(0), sum->at(0).at(1)};
  }
  host.has_sums = true;
  return true;
}

/// All hosts, the primary first: what it holds then is what the others must hold when they are asked.
std::vector<HostState> observe_all(const Nodes& nodes, bool with_sums) {
  std::vector<HostState> hosts;
  for (const bool wants_primary : {true, false}) {
    for (const auto& [name, dsn] : nodes) {
      if (std::ranges::find(hosts, name, &HostState::name) != hosts.end()) continue;
      auto host = observe_host(name, dsn, false);
      const bool is_primary = host.problem.empty() && !host.is_in_recovery;
      if (is_primary != wants_primary && wants_primary) continue;
      if (with_sums && host.problem.empty()) {
        const auto position = host.position;
        host = observe_host(name, dsn, true);
        // What was summed is at least what stood at the first look.
        host.position = is_primary ? host.position : std::max(position, host.position);
      }
      hosts.push_back(std::move(host));
    }
  }
  return hosts;
}

}  // namespace

HostState observe_host(const std::string& name, const std::string& dsn, bool with_sums) {
  HostState host{.name = name};
  auto session = open(dsn, host.problem);
  if (!session) return host;
  const auto rows = session->query(ask_state, {}, limits.answer, host.problem);
  if (!rows) return host;
  const auto& row = rows->at(0);
  host.is_in_recovery = row.at(0) == "t";
  host.has_checksums = row.at(1) == "on";
  host.system = row.at(2);
  host.checksum_failures = number_in(row.at(3));
  host.streaming = number_in(row.at(4));
  host.is_receiving = number_in(row.at(5)) > 0;
  host.position = number_in(row.at(6));
  host.idle_slots = number_in(row.at(7));
  host.wal_bytes = number_in(row.at(8));
  if (with_sums) add_sums(*session, host);
  return host;
}

Convergence await_endstate(const Nodes& nodes, std::int64_t max_wal_bytes, std::chrono::seconds limit) {
  const auto began = now();
  const auto until = began + std::chrono::microseconds(limit).count();
  Convergence result;
  while (true) {
    result.missing = judge_endstate(observe_all(nodes, false), max_wal_bytes, false);
    if (result.missing.empty()) result.missing = judge_endstate(observe_all(nodes, true), max_wal_bytes, true);
    result.seconds = static_cast<double>(now() - began) / 1e6;
    if (result.missing.empty() || now() >= until) return result;
    wait_until(now() + look_again, {});
  }
}

bool parse_note_key(const std::string& run, const std::string& key, NumberedRow& row) {
  if (!key.starts_with(run + "-")) return false;
  const char* here = key.data() + run.size() + 1;
  const char* end = key.data() + key.size();
  const auto client = std::from_chars(here, end, row.client);
  if (client.ec != std::errc() || client.ptr == end || *client.ptr != '-') return false;
  const auto counter = std::from_chars(client.ptr + 1, end, row.counter);
  return counter.ec == std::errc() && counter.ptr == end;
}

namespace {

bool read_notes(Session& session, const std::string& run, Tables& tables, std::string& error) {
  const auto notes =
      session.query("SELECT id, author, text, idempotency_key FROM notes WHERE starts_with(idempotency_key, $1 || '-')",
                    {run}, read_limit, error);
  if (!notes) return false;
  for (const auto& row : *notes) {
    NoteRow note{.row = {.position = number_in(row.at(0))},
                 .is_intact = row.at(1) == run && row.at(2) == "note " + row.at(3)};
    if (parse_note_key(run, row.at(3), note.row)) tables.notes.push_back(note);
  }
  return true;
}

bool read_once(const std::string& dsn, const History& history, Tables& tables, std::string& error) {
  auto session = open(dsn, error);
  if (!session) return false;
  const auto read = [&](const char* statement) { return session->query(statement, {history.run}, read_limit, error); };
  const auto appends = read("SELECT client, counter, position FROM torture_append WHERE run = $1");
  if (!appends) return false;
  for (const auto& row : *appends)
    tables.appends.push_back({static_cast<int>(number_in(row.at(0))), number_in(row.at(1)), number_in(row.at(2))});
  const auto accounts = read("SELECT id, balance FROM torture_account WHERE run = $1");
  if (!accounts) return false;
  for (const auto& row : *accounts) tables.balances[static_cast<int>(number_in(row.at(0)))] = number_in(row.at(1));
  const auto ledger = read("SELECT client, counter, source, target, amount FROM torture_transfer WHERE run = $1");
  if (!ledger) return false;
  for (const auto& row : *ledger)
    tables.ledger.push_back({static_cast<int>(number_in(row.at(0))), number_in(row.at(1)), number_in(row.at(2)),
                             number_in(row.at(3)), number_in(row.at(4))});
  const auto registers = read("SELECT key, value FROM torture_register WHERE run = $1");
  if (!registers) return false;
  for (const auto& row : *registers) tables.registers[number_in(row.at(0))] = number_in(row.at(1));
  return history.workloads.find('F') == std::string::npos || read_notes(*session, history.run, tables, error);
}

}  // namespace

Result<Tables> read_tables(const std::string& name, const std::string& dsn, const History& history,
                           std::chrono::seconds limit) {
  const auto until = now() + std::chrono::microseconds(limit).count();
  std::string error;
  do {
    Tables tables{.node = name};
    if (read_once(dsn, history, tables, error)) return tables;
  } while (now() < until && wait_until(now() + look_again, {}));
  return fail(ErrorCode::unavailable, name + ": " + error);
}

}  // namespace gemel::torture
