// The workloads of the simulated site: clients that come through the gate, and writers behind its back.
#include <algorithm>
#include <chrono>

#include "sim/world.h"

namespace gemel::sim {

using core::PostgresRun;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Duration patience = seconds(1);
constexpr Duration local_interval = milliseconds(25);

}  // namespace

/// What any session sees: what was there at the end of recovery, and what was acknowledged since.
Log World::visible(const Host& host) const {
  return {host.server.log.branch, std::max(host.server.recovered, host.server.released)};
}

void World::think(std::uint8_t client) {
  ClientState& state = client_states_[client];
  if (state.operation && clients_.operation(*state.operation).outcome != Outcome::waiting) state.operation.reset();
  if (state.operation && now() - state.since > patience) {
    clients_.give_up(*state.operation);
    state.operation.reset();
  }
  if (!state.operation) {
    const auto first = random_.below(hosts_.size());
    for (std::size_t turn = 0; turn < hosts_.size(); ++turn) {
      Host& host = hosts_[(first + turn) % hosts_.size()];
      if (!is_open(host) || !host.has_address || host.postgres_freezes != 0) continue;
      if (!host.admits_new && state.session != host.server.run_number) continue;
      state.session = host.server.run_number;
      if (conditions_.has_reads && random_.below(3) == 0) {
        read(host);
      } else {
        write(host, client, true);
      }
      break;
    }
  }
  agenda_.after(around(conditions_.think_time), [this, client] { think(client); });
}

void World::local_write(Place place) {
  Host& host = hosts_[place];
  if (host.server.run == PostgresRun::primary && is_writing(host) && host.server.waiting.size() < 4)
    write(host, static_cast<std::uint8_t>(conditions_.clients + place), false);
  agenda_.after(around(local_interval), [this, place] { local_write(place); });
}

void World::write(Host& host, std::uint8_t client, bool is_through_gate) {
  const auto choice = random_.below(3);
  const RowKind kind = choice == 0 && conditions_.has_transfers ? RowKind::credit
                       : choice == 1                            ? RowKind::put
                                                                : RowKind::append;
  const auto number = clients_.begin(kind, client, is_through_gate);
  if (is_through_gate) client_states_[client] = {number, now(), host.server.run_number};
  if (kind != RowKind::credit) return commit_row(host, {kind, number});
  // Between the two halves of a transfer passes time.
  append(host, {RowKind::debit, number});
  agenda_.after(milliseconds(2), [this, place = host.place, run = host.server.run_number, number] {
    if (hosts_[place].server.run_number == run) commit_row(hosts_[place], {RowKind::credit, number});
  });
}

void World::commit_row(Host& host, Row row) {
  append(host, row);
  if (is_broken(BrokenModel::repeats_rows) && random_.below(50) == 0) append(host, row);
  host.server.waiting.push_back({host.server.log.end, row.operation});
}

void World::read(Host& host) {
  Server& server = host.server;
  Log shown = visible(host);
  if (is_exempt(host)) return;  // a paused machine may answer from the past for as long as its gate lives
  if (is_broken(BrokenModel::serves_old_reads) && shown.end > 30) shown.end -= 10;
  checker_.read_shows(shown, host.id.name);
  // Bank: the sum over what became visible since the last read. Half a transfer is not visible.
  tree_.for_each_from(shown, server.bank_read, [&](Row row) {
    if (row.kind == RowKind::debit && is_broken(BrokenModel::half_transfers)) --server.bank_sum;
    if (row.kind == RowKind::credit && is_broken(BrokenModel::half_transfers)) ++server.bank_sum;
  });
  server.bank_read = std::max(server.bank_read, shown.end);
  if (server.bank_sum != 0) checker_.violate("B: a read at " + host.id.name + " shows half a transfer");
}

void World::check_end() {
  const auto at = primary();
  if (!at) return;
  const Log whole{hosts_[*at].server.log.branch, hosts_[*at].server.released};
  clients_.check_log(tree_, whole, hosts_[*at].id.name, checker_);
  for (const auto& tip : checker_.tips()) {
    if (!tree_.contains({hosts_[*at].server.log.branch, hosts_[*at].server.log.end}, tip.log))
      checker_.violate("A: the last primary lacks what was acknowledged");
  }
}

}  // namespace gemel::sim
