// The workloads whose operation is one statement without a choice: append log, stamps, probes.
#include <memory>

#include "torture/workload.h"

namespace gemel::torture {

namespace {

/// A step that runs `statement` with the run's name, the client's number and its next counter.
Step counting_step(const std::string& run, const char* op, const std::string& statement) {
  return [run, op, statement, counter = std::int64_t{0}](client::Session& session, Event& event) mutable {
    event.op = op;
    event.in = {++counter};
    auto reply = session.submit(statement, {run, std::to_string(event.client), std::to_string(counter)});
    if (take(event, reply) && !reply.rows.empty()) event.out = std::move(reply.rows.front());
  };
}

std::vector<Worker> counting_workers(const Options& options, Client client, int clients, const char* op,
                                     const std::string& statement) {
  std::vector<Worker> workers;
  for (client.number = 1; client.number <= clients; ++client.number)
    workers.push_back(session_worker(client, counting_step(options.run, op, statement)));
  return workers;
}

}  // namespace

std::vector<Worker> append_workers(const Options& options) {
  const int clients = options.rates.append_clients;
  return counting_workers(options, {'A', 0, options.dsn, options.limits, share(options.rates.append, clients)}, clients,
                          "append", "INSERT INTO torture_append (run, client, counter) VALUES ($1, $2, $3)");
}

std::vector<Worker> stamp_workers(const Options& options) {
  const int clients = options.rates.stamp_clients;
  // The name of the segment being written begins with the timeline; pg_control_checkpoint() would lag behind a
  // promotion.
  return counting_workers(
      options, {'E', 0, options.dsn, options.limits, share(options.rates.stamp, clients)}, clients, "stamp",
      "INSERT INTO torture_stamp (run, client, counter) VALUES ($1, $2, $3) RETURNING " + options.node_id +
          ", ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int, "
          "pg_postmaster_start_time()");
}

std::vector<Worker> probe_workers(const Options& options) {
  const Client client{'G', 1, options.dsn, options.probe_limits, static_cast<double>(options.rates.probe)};
  auto reader = client;
  reader.number = 2;
  return {session_worker(client, counting_step(options.run, "write",
                                               "INSERT INTO torture_probe (run, client, counter) VALUES ($1, $2, $3) "
                                               "ON CONFLICT (run, client) DO UPDATE SET counter = EXCLUDED.counter")),
          session_worker(reader, counting_step(options.run, "read",
                                               "SELECT counter FROM torture_probe WHERE run = $1 AND client <> $2::int "
                                               "AND $3::bigint > 0"))};
}

}  // namespace gemel::torture
