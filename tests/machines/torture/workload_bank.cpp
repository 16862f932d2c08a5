// Bank: transfers in transactions of several statements, and snapshots of all accounts from every host.
#include <algorithm>

#include "torture/workload.h"

namespace gemel::torture {

namespace {

using client::Reply;
using client::Session;

struct Transfer {
  std::int64_t counter, source, target, amount;
};

/// Everything before COMMIT was sent cannot have an effect, whatever became of the session.
bool take_before_commit(Event& event, const Reply& reply) {
  if (take(event, reply)) return true;
  event.outcome = Outcome::refused;
  return false;
}

void transfer(Session& session, Event& event, const std::string& run, const Transfer& what) {
  constexpr auto* add = "UPDATE torture_account SET balance = balance + $3 WHERE run = $1 AND id = $2";
  constexpr auto* log =
      "INSERT INTO torture_transfer (run, client, counter, source, target, amount) VALUES ($1, $2, $3, $4, $5, $6)";
  const auto text = [](std::int64_t number) { return std::to_string(number); };
  // The lower account first, so that two transfers never wait for each other in a circle.
  const bool is_source_first = what.source < what.target;
  const auto move = [&](bool is_source) {
    return session.submit(
        add, {run, text(is_source ? what.source : what.target), text(is_source ? -what.amount : what.amount)});
  };
  if (!take_before_commit(event, session.submit("BEGIN"))) return;
  if (!take_before_commit(event, move(is_source_first))) return;
  if (!take_before_commit(event, move(!is_source_first))) return;
  if (!take_before_commit(event, session.submit(log, {run, text(event.client), text(what.counter), text(what.source),
                                                      text(what.target), text(what.amount)})))
    return;
  const auto reply = session.submit("COMMIT");
  // A COMMIT of a transaction that has failed is answered ROLLBACK.
  if (take(event, reply) && reply.tag != "COMMIT") event.outcome = Outcome::refused;
}

Step transfer_step(const std::string& run, unsigned seed) {
  return [run, random = std::mt19937(seed), counter = std::int64_t{0}](Session& session, Event& event) mutable {
    std::uniform_int_distribution<std::int64_t> account(0, account_count - 1), amount(1, 20);
    const auto source = account(random);
    const auto target = (source + 1 + account(random) % (account_count - 1)) % account_count;
    event.op = "transfer";
    event.in = {++counter, source, target, amount(random)};
    transfer(session, event, run, {counter, source, target, event.in[3]});
  };
}

Step snapshot_step(const std::string& run, const std::string& source) {
  return [run, source](Session& session, Event& event) {
    event.op = "snapshot";
    event.in = {0};
    std::string shown_by = source;
    if (source != "service") {
      const auto life = session.submit("SELECT extract(epoch FROM pg_postmaster_start_time())::text", {});
      if (!take(event, life)) return;
      shown_by += " since " + life.rows.at(0).at(0);
    }
    const auto reply = session.submit("SELECT balance FROM torture_account WHERE run = $1 ORDER BY id", {run});
    if (!take(event, reply)) return;
    event.out = {shown_by};
    for (const auto& row : reply.rows) event.out.push_back(row.at(0));
  };
}

}  // namespace

std::vector<Worker> bank_workers(const Options& options) {
  const auto& rates = options.rates;
  std::vector<Worker> workers;
  Client client{'B', 0, options.dsn, options.limits, share(rates.transfer, rates.transfer_clients)};
  for (client.number = 1; client.number <= rates.transfer_clients; ++client.number) {
    const auto seed =
        static_cast<unsigned>(std::hash<std::string>{}(options.run)) + static_cast<unsigned>(client.number);
    workers.push_back(session_worker(client, transfer_step(options.run, seed)));
  }
  client.per_second = rates.snapshot;
  workers.push_back(session_worker(client, snapshot_step(options.run, "service")));
  for (const auto& [name, dsn] : options.nodes) {
    ++client.number;
    client.dsn = dsn;
    workers.push_back(session_worker(client, snapshot_step(options.run, name)));
  }
  return workers;
}

}  // namespace gemel::torture
