// Rows on their way: written, flushed, streamed, flushed there, reported, and only then acknowledged.
#include <algorithm>
#include <chrono>

#include "sim/world.h"

namespace gemel::sim {

using core::PostgresRun;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Duration blocked_retry = milliseconds(50);   // TCP tries again
constexpr Duration receive_retry = milliseconds(100);  // wal_retrieve_retry_interval
constexpr Duration watch_interval = seconds(1);
constexpr int receiver_patience = 2, sender_patience = 3;  // seconds: wal_receiver_timeout, wal_sender_timeout

}  // namespace

/// Nothing keeps the server from writing now.
bool World::is_writing(const Host& host) const {
  return !is_frozen(host) && host.disk_stalls == 0 && host.postgres_freezes == 0;
}

/// What is left of its log when the power goes now.
Log World::durable(const Host& host) const {
  if (host.server.run == PostgresRun::absent || host.server.run == PostgresRun::ruined) return {};
  return {host.server.log.branch, std::min(host.server.log.end, host.server.flushed)};
}

void World::check_members() {
  for (const auto& host : hosts_) {
    if ((members_ & bit(host.place)) == 0) continue;
    // Its copy began while it was outside (R10 is judged then), and an add that was still on its way arrived: until the
    // copy is whole it cannot take over, and commits wait for it by the names.
    if (host.server.run == PostgresRun::ruined) {
      hit(Mark::added_while_copied);
      continue;
    }
    checker_.member_holds(durable(host), host.id.name);
  }
}

void World::append(Host& host, Row row) {
  tree_.append(host.server.log, row);
  arrange_flush(host);
}

void World::arrange_flush(Host& host) {
  if (host.server.is_flush_due || host.server.flushed >= host.server.log.end) return;
  host.server.is_flush_due = true;
  agenda_.after(around(conditions_.disk_time),
                [this, place = host.place, run = host.server.run_number] { flush(place, run); });
}

void World::flush(Place place, std::uint32_t run_number) {
  Host& host = hosts_[place];
  Server& server = host.server;
  if (server.run_number != run_number || server.run != PostgresRun::primary) return;
  if (!is_writing(host)) {
    agenda_.after(blocked_retry, [this, place, run_number] { flush(place, run_number); });
    return;
  }
  server.is_flush_due = false;
  server.flushed = server.log.end;
  for (auto& standby : hosts_) {
    if (server.senders[standby.place].connection != 0) pump(host, standby);
  }
  release(host);
}

/// The connection is the same on both sides and nothing stands still.
bool World::flows(const Host& primary, const Host& standby) const {
  return network_.connects(primary.place, standby.place) && !is_frozen(primary) && primary.postgres_freezes == 0 &&
         is_writing(standby);
}

void World::pump(Host& primary, Host& standby) {
  Sender& sender = primary.server.senders[standby.place];
  if (sender.is_on_its_way || sender.sent >= primary.server.flushed) return;
  sender.is_on_its_way = true;
  agenda_.after(network_.delay(primary.place, standby.place, random_) + around(conditions_.disk_time),
                [this, from = primary.place, to = standby.place, connection = sender.connection,
                 end = primary.server.flushed] { arrive(from, to, connection, end); });
}

void World::arrive(Place from, Place to, std::uint32_t connection, std::uint64_t end) {
  Host& primary = hosts_[from];
  Host& standby = hosts_[to];
  if (standby.server.connection != connection || primary.server.senders[to].connection != connection) return;
  if (!flows(primary, standby)) {
    agenda_.after(blocked_retry, [this, from, to, connection, end] { arrive(from, to, connection, end); });
    return;
  }
  standby.server.log = {primary.server.log.branch, end};
  standby.server.flushed = end;
  standby.server.timeline = primary.server.timeline;
  primary.server.senders[to].sent = end;
  agenda_.after(network_.delay(to, from, random_),
                [this, from, to, connection, end] { report(from, to, connection, end); });
}

void World::report(Place from, Place to, std::uint32_t connection, std::uint64_t end) {
  Host& primary = hosts_[from];
  Sender& sender = primary.server.senders[to];
  if (sender.connection != connection) return;
  const bool is_through = network_.passes_streams(to, from) && !is_frozen(primary) && primary.postgres_freezes == 0;
  if (!is_through) {
    agenda_.after(blocked_retry, [this, from, to, connection, end] { report(from, to, connection, end); });
    return;
  }
  sender.reported = end;
  sender.is_on_its_way = false;
  release(primary);
  pump(primary, hosts_[to]);
}

/// Ends the waits of every commit that all names in effect have flushed.
void World::release(Host& host) {
  Server& server = host.server;
  if (server.run != PostgresRun::primary || is_frozen(host) || host.postgres_freezes != 0) return;
  std::uint64_t end = server.flushed;
  if (!is_broken(BrokenModel::acknowledges_without_names)) {
    for (const auto& standby : hosts_) {
      if ((server.names & bit(standby.place)) == 0) continue;
      const Sender& sender = server.senders[standby.place];
      if (sender.connection == 0) return;
      end = std::min(end, sender.reported);
    }
  }
  if (end <= server.released) return;
  server.released = end;
  bool is_any = false;
  const bool is_reached = is_open(host) && host.has_address;
  while (!server.waiting.empty() && server.waiting.front().end <= end) {
    const auto number = server.waiting.front().operation;
    server.waiting.pop_front();
    is_any = true;
    if (clients_.operation(number).is_through_gate && !is_reached) continue;  // the answer does not arrive
    clients_.told_done(number, host.service, is_exempt(host), checker_);
  }
  if (!is_any) return;
  checker_.must_keep({server.log.branch, end}, true);
  mix(end);
  check_members();
}

// ---- connections ----

void World::retry_receive(Host& standby) {
  if (standby.server.is_retrying) return;
  standby.server.is_retrying = true;
  agenda_.after(around(receive_retry),
                [this, place = standby.place, run = standby.server.run_number] { try_receive(place, run); });
}

/// A primary knows forks by their timelines' numbers only. It would send to a standby that is on another fork with a
/// number of its own past, and that standby were garbage from then on. A number that a person's promotion took is of no
/// epoch and may be given again: a known gap (docs/gaps.md).
void World::check_fork(const Host& primary, const Host& standby) {
  if (hand_numbers_.contains(standby.server.timeline)) return;
  for (auto branch = primary.server.log.branch;; branch = tree_.parent_of(branch)) {
    if (timelines_[branch] == standby.server.timeline) {
      const std::uint64_t end = std::min(primary.server.flushed, standby.server.log.end);
      const bool is_same = tree_.contains({standby.server.log.branch, end}, {branch, end});
      if (!is_same)
        checker_.violate("R10: " + standby.id.name + " would receive on another fork of its timeline " +
                         std::to_string(standby.server.timeline));
      return;
    }
    if (branch == 0) return;
  }
}

void World::try_receive(Place place, std::uint32_t run_number) {
  Host& standby = hosts_[place];
  Server& server = standby.server;
  if (server.run_number != run_number) return;
  server.is_retrying = false;
  if (server.run != PostgresRun::standby || !server.upstream || server.connection != 0) return;
  Host& primary = hosts_[*server.upstream];
  const bool is_possible = primary.server.run == PostgresRun::primary && flows(primary, standby) &&
                           primary.disk_stalls == 0 && server.log.end >= primary.server.oldest &&
                           tree_.contains({primary.server.log.branch, primary.server.flushed}, server.log);
  if (!is_possible) {
    server.is_refused = primary.server.run == PostgresRun::primary && flows(primary, standby);
    if (server.is_refused) check_fork(primary, standby);
    return retry_receive(standby);
  }
  server.is_refused = false;
  server.connection = ++connections_;
  primary.server.senders[place] = {server.connection, server.log.end, server.log.end, false};
  watch_connection(primary.place, place, server.connection, 0);
  release(primary);
  pump(primary, standby);
}

/// Both ends give a silent connection up, each after its own time.
void World::watch_connection(Place from, Place to, std::uint32_t connection, int bad_seconds) {
  Host& primary = hosts_[from];
  Host& standby = hosts_[to];
  Sender& sender = primary.server.senders[to];
  const bool is_sending = sender.connection == connection;
  const bool is_receiving = standby.server.connection == connection;
  if (!is_sending && !is_receiving) return;
  bad_seconds = is_sending && is_receiving && flows(primary, standby) ? 0 : bad_seconds + 1;
  if (bad_seconds > receiver_patience && is_receiving) {
    standby.server.connection = 0;
    retry_receive(standby);
  }
  if (bad_seconds > sender_patience && is_sending) sender = {};
  agenda_.after(watch_interval,
                [this, from, to, connection, bad_seconds] { watch_connection(from, to, connection, bad_seconds); });
}

}  // namespace gemel::sim
