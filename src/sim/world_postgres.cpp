// PostgreSQL as it really behaves: procedures that take time, hang, fail half-way or end unknown.
#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "sim/world.h"

namespace gemel::sim {

using core::Certainty;
using core::PostgresRun;
using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace core::action;

namespace {

constexpr Duration observe_interval = milliseconds(250);
constexpr Duration hang_retry = milliseconds(50);
// Limits of the adapter.
constexpr Duration short_limit = seconds(2), promote_limit = seconds(5), barrier_limit = seconds(60);
constexpr Duration longest_conflict = seconds(30);  // a query holds up the replay before a promotion

Duration limit_of(const core::ActionKind& kind) {
  if (std::holds_alternative<Promote>(kind)) return promote_limit;
  if (std::holds_alternative<Checkpoint>(kind)) return barrier_limit;
  return short_limit;
}

bool replaces_directory(const core::ActionKind& kind) {
  return std::holds_alternative<Rewind>(kind) || std::holds_alternative<Clone>(kind);
}

bool is_up(PostgresRun run) { return run == PostgresRun::primary || run == PostgresRun::standby; }

}  // namespace

Duration World::duration_of(const Host& host, const core::ActionKind& kind) {
  const Duration unit = conditions_.procedure_time;
  Duration time = unit;
  if (std::holds_alternative<MarkServed>(kind)) time = unit / 10;
  if (std::holds_alternative<StartPostgres>(kind)) time = unit * 4;
  if (std::holds_alternative<Promote>(kind)) time = unit * 2;
  if (std::holds_alternative<Rewind>(kind)) time = unit * 15;
  if (std::holds_alternative<Clone>(kind)) time = unit * 30;
  if (const auto* stop = std::get_if<StopPostgres>(&kind)) {
    // A fast stop waits until every connected standby has everything.
    const bool is_stuck = std::ranges::any_of(hosts_, [&](const Host& other) {
      return host.server.senders[other.place].connection != 0 && !flows(host, other);
    });
    if (is_stuck || !is_writing(host)) {
      hit(Mark::stop_overran);
      return host.clock.true_span(stop->limit) + milliseconds(50);
    }
  }
  return std::min(around(time), Duration{seconds(4)});
}

void World::begin_postgres(Host& host, const core::Action& action) {
  std::uint32_t source_run = 0;
  // The durable marker comes first: an unfinished copy is never started.
  if (replaces_directory(action.kind)) {
    // Of a copy that is tried again nothing was left to lose.
    if (host.server.run != PostgresRun::ruined && (members_ & bit(host.place)) != 0)
      checker_.violate("R10: the directory of " + host.id.name + " is rewound or copied while it is in S");
    const NodeId& source = std::holds_alternative<Rewind>(action.kind) ? std::get<Rewind>(action.kind).source
                                                                       : std::get<Clone>(action.kind).source;
    const auto place = place_of(source);
    if (!place || hosts_[*place].server.run != PostgresRun::primary || !flows(hosts_[*place], host)) {
      agenda_.after(milliseconds(5), [this, at = host.place, id = action.id, incarnation = host.incarnation] {
        if (hosts_[at].incarnation == incarnation) end(hosts_[at], id, Certainty::refused);
      });
      return;
    }
    end_server(host);
    source_run = hosts_[*place].server.run_number;
    hit(std::holds_alternative<Rewind>(action.kind) ? Mark::rewind : Mark::clone);
  }
  happens(begun(action.kind), host.place);
  const auto serial = ++procedures_;
  const Duration time = duration_of(host, action.kind);
  host.procedure = Procedure{action, serial, now() + time + limit_of(action.kind), source_run};
  if (replaces_directory(action.kind)) host.server.run = PostgresRun::ruined;
  agenda_.after(time, [this, place = host.place, serial] { perform_postgres(place, serial); });
}

/// A cancelled procedure may have taken effect just before it let go.
void World::cancel_procedure(Host& host, core::ActionId id) {
  if (!host.procedure || host.procedure->action.id != id) return;
  const core::Action action = host.procedure->action;
  host.procedure.reset();
  Certainty ignored = Certainty::done;
  const bool is_safe_half = !replaces_directory(action.kind) && is_writing(host);
  if (is_safe_half && random_.below(2) == 0) take_effect(host, action.kind, 0, ignored);
}

/// The server does not get on with it now.
bool World::is_hanging(Host& host, const core::ActionKind& kind) {
  if (is_frozen(host)) return true;
  if (std::holds_alternative<KillPostgres>(kind)) return host.disk_stalls != 0;  // processes in D state
  if (std::holds_alternative<StopPostgres>(kind)) return host.disk_stalls != 0;
  if (std::holds_alternative<Promote>(kind) && host.promotion_blocks != 0) {
    hit(Mark::promotion_blocked);
    return true;
  }
  return !is_writing(host);
}

void World::perform_postgres(Place place, std::uint64_t serial) {
  Host& host = hosts_[place];
  if (!host.procedure || host.procedure->serial != serial) return;
  const core::Action action = host.procedure->action;
  const auto source_run = host.procedure->source_run;
  if (now() < std::max(host.frozen_until, host.agent_frozen_until) || is_hanging(host, action.kind)) {
    if (now() < host.procedure->deadline || is_frozen(host)) {
      agenda_.after(hang_retry, [this, place, serial] { perform_postgres(place, serial); });
      return;
    }
    // The promotion was asked for: it may still come to its end, long after.
    if (std::holds_alternative<Promote>(action.kind)) {
      const auto rest = static_cast<std::uint64_t>(longest_conflict.count());
      agenda_.after(Duration{static_cast<Duration::rep>(random_.below(rest))},
                    [this, place, run = host.server.run_number, timeline = std::get<Promote>(action.kind).timeline] {
                      Host& late = hosts_[place];
                      if (late.server.run_number == run && late.server.run == PostgresRun::standby)
                        promote(late, HostMask{0}, timeline);
                    });
    }
    host.procedure.reset();
    hit(Mark::procedure_unknown);
    return end(host, action.id, Certainty::unknown);
  }
  host.procedure.reset();
  happens(ended(action.kind), host.place);
  Certainty certainty = Certainty::done;
  core::Payload payload;
  if (host.is_failing_next) {
    host.is_failing_next = false;
    hit(Mark::procedure_unknown);
    if (host.does_failing_take_effect) take_effect(host, action.kind, source_run, certainty);
    end(host, action.id, Certainty::unknown);
  } else if (const auto* names = std::get_if<SetNames>(&action.kind)) {
    return set_names(host, action.id, *names);
  } else {
    payload = take_effect(host, action.kind, source_run, certainty);
    if (certainty != Certainty::done) payload = std::monostate{};
    end(host, action.id, certainty, std::move(payload));
  }
  look(host);
}

core::Payload World::take_effect(Host& host, const core::ActionKind& kind, std::uint32_t source_run,
                                 Certainty& certainty) {
  Server& server = host.server;
  if (std::holds_alternative<Bootstrap>(kind)) {
    if (server.run != PostgresRun::absent && !server.is_bootstrap_pending) {
      certainty = Certainty::refused;
      return {};
    }
    server.log = tree_.fork({});
    timelines_.resize(server.log.branch + 1, 1);
    for (int row = 0; row < 5; ++row) tree_.append(server.log, {});
    server.flushed = server.log.end;
    server.is_bootstrap_pending = true;
    server.run = PostgresRun::stopped;
  } else if (const auto* start = std::get_if<StartPostgres>(&kind)) {
    if (server.run != PostgresRun::stopped) {
      certainty = Certainty::refused;
      return {};
    }
    server.run = PostgresRun::standby;
    server.was_primary = false;
    server.run_number = ++runs_;
    server.flushed = server.log.end;
    server.names_in_file = server.names = mask_of(start->names);
    server.upstream = place_of(start->upstream);
    server.is_refused = false;
    server.is_retrying = false;
    retry_receive(host);
  } else if (const auto* follow = std::get_if<Follow>(&kind)) {
    if (server.run != PostgresRun::standby) {
      certainty = Certainty::refused;
      return {};
    }
    server.upstream = place_of(follow->upstream);
    server.is_refused = false;
    server.connection = 0;
    retry_receive(host);
  } else if (const auto* promotion = std::get_if<Promote>(&kind)) {
    if (server.run != PostgresRun::standby) {
      certainty = Certainty::refused;
      return {};
    }
    const Log before = server.log;
    promote(host, mask_of(promotion->names), promotion->timeline);
    return core::payload::Promoted{server.timeline, Lsn{before.end + 1}};
  } else if (const auto* names = std::get_if<SetNames>(&kind)) {
    server.names_in_file = mask_of(names->names);
    if (server.run == PostgresRun::primary) {
      server.names = server.names_in_file;
      release(host);
    }
  } else if (std::holds_alternative<Checkpoint>(kind)) {
    if (server.run != PostgresRun::primary) {
      certainty = Certainty::refused;
      return {};
    }
    server.is_checkpointed = true;
  } else if (std::holds_alternative<StopPostgres>(kind)) {
    stop_server(host);
    return core::payload::Mark{Lsn{server.log.end + 1}};
  } else if (std::holds_alternative<KillPostgres>(kind)) {
    end_server(host);
  } else if (const auto* mark = std::get_if<MarkServed>(&kind)) {
    server.served = std::max(server.served, mark->epoch);
    server.is_bootstrap_pending = false;
  } else if (const auto* rewind = std::get_if<Rewind>(&kind)) {
    replace_directory(host, {rewind->source, source_run, false}, certainty);
  } else if (const auto* clone = std::get_if<Clone>(&kind)) {
    replace_directory(host, {clone->source, source_run, true}, certainty);
  } else {
    GEMEL_CHECK(false && "an action that the models do not know");
  }
  return {};
}

/// File first; sessions that are older than the change follow with the checkpointer (finding 1).
void World::set_names(Host& host, core::ActionId id, const SetNames& set) {
  Server& server = host.server;
  if (server.run != PostgresRun::primary) return end(host, id, Certainty::refused);
  server.names_in_file = mask_of(set.names);
  if (host.names_delay.count() > 0) hit(Mark::names_delayed);
  const Duration lag =
      milliseconds(1) + Duration{static_cast<Duration::rep>(random_.below(4'000'000))} + host.names_delay;
  const auto finish = [this, place = host.place, run = server.run_number, incarnation = host.incarnation, id,
                       has_barrier = set.with_barrier] {
    Host& same = hosts_[place];
    if (same.server.run_number != run || same.server.run != PostgresRun::primary) {
      if (has_barrier && same.incarnation == incarnation) end(same, id, Certainty::unknown);
      return;
    }
    same.server.names = same.server.names_in_file;  // whoever reloads reads the newest file
    release(same);
    if (!has_barrier || same.incarnation != incarnation) return;
    append(same, {});  // the mark
    end(same, id, Certainty::done, core::payload::Mark{Lsn{same.server.log.end + 1}});
  };
  agenda_.after(lag, finish);
  if (!set.with_barrier) end(host, id, Certainty::done, core::payload::Mark{Lsn{}});
}

void World::promote(Host& host, HostMask names, std::uint32_t timeline) {
  Server& server = host.server;
  if (server.upstream) {
    Sender& sender = hosts_[*server.upstream].server.senders[host.place];
    if (sender.connection == server.connection) sender = {};
  }
  server.connection = 0;
  server.upstream.reset();
  server.run = PostgresRun::primary;
  server.was_primary = true;
  server.run_number = ++runs_;
  server.names_in_file = names;
  server.names = is_broken(BrokenModel::promotes_without_names) ? HostMask{0} : server.names_in_file;
  server.log = tree_.fork(server.log);
  server.recovered = server.released = server.flushed = server.log.end;
  server.timeline = std::max(server.timeline + 1, timeline);
  timelines_.resize(server.log.branch + 1);
  timelines_[server.log.branch] = server.timeline;
  server.is_checkpointed = false;
  server.is_flush_due = false;
  server.senders = {};
  server.waiting.clear();
  server.bank_sum = 0;
  server.bank_read = server.log.end;
  host.service = 0;
  append(host, {});  // end of recovery
  if (is_open(host)) checker_.violate("R4: " + host.id.name + " is promoted behind an open gate");
}

void World::replace_directory(Host& host, const Copy& copy, Certainty& certainty) {
  Server& server = host.server;
  const auto place = place_of(copy.source);
  if (!place || hosts_[*place].server.run_number != copy.source_run || !flows(hosts_[*place], host)) {
    certainty = Certainty::unknown;  // the marker stays
    hit(Mark::ruined_copy);
    return;
  }
  const Server& from = hosts_[*place].server;
  const Log present{from.log.branch, from.flushed};
  if (copy.is_whole) {
    server.log = present;
  } else if (server.timeline >= from.timeline || !from.is_checkpointed) {
    // It compares timeline numbers, and the control file's at that: "no rewind required" (finding 4).
    if (!tree_.contains(present, server.log))
      checker_.violate("R10: pg_rewind of " + host.id.name + " could not see that it has another fork");
  } else {
    if (!tree_.contains(present, server.log)) hit(Mark::diverged);
    server.log = tree_.common(server.log, present);
  }
  server.flushed = server.log.end;
  server.oldest = copy.is_whole ? server.log.end : std::min(server.oldest, server.log.end);
  server.timeline = copy.is_whole || from.is_checkpointed ? from.timeline : server.timeline;
  server.served = Epoch{};
  server.is_bootstrap_pending = false;
  server.run = PostgresRun::stopped;
}

/// Fast stop: the shutdown checkpoint goes to every standby that listens; sessions end without an answer.
void World::stop_server(Host& host) {
  Server& server = host.server;
  if (server.run == PostgresRun::primary && is_writing(host)) {
    const bool is_stuck = std::ranges::any_of(
        hosts_, [&](const Host& other) { return server.senders[other.place].connection != 0 && !flows(host, other); });
    if (!is_stuck) {
      tree_.append(server.log, {});
      server.flushed = server.log.end;
      server.is_checkpointed = true;
      for (auto& standby : hosts_) {
        const auto connection = server.senders[standby.place].connection;
        if (connection == 0 || standby.server.connection != connection) continue;
        standby.server.log = server.log;
        standby.server.flushed = server.log.end;
        standby.server.timeline = server.timeline;
      }
    }
  }
  end_server(host);
}

/// Every process is gone. What was written stays with the kernel; what waited has an unknown outcome for ever.
void World::end_server(Host& host) {
  Server& server = host.server;
  if (!is_up(server.run)) return;
  if (server.run == PostgresRun::primary && server.released < server.log.end) hit(Mark::commit_visible_by_restart);
  server.run = PostgresRun::stopped;
  server.run_number = ++runs_;
  server.flushed = server.log.end;
  for (const auto& waiting : server.waiting) clients_.give_up(waiting.operation);
  server.waiting.clear();
  // The other ends notice at once, where the network lets them.
  for (auto& other : hosts_) {
    const bool is_noticed = network_.connects(host.place, other.place) && !is_frozen(other);
    Sender& sender = server.senders[other.place];
    if (sender.connection != 0 && other.server.connection == sender.connection && is_noticed) {
      other.server.connection = 0;
      retry_receive(other);
    }
    sender = {};
    Sender& back = other.server.senders[host.place];
    if (server.connection != 0 && back.connection == server.connection && is_noticed) back = {};
  }
  server.connection = 0;
  server.upstream.reset();
}

// ---- observation ----

void World::observe(Place place, std::uint32_t incarnation) {
  Host& host = hosts_[place];
  if (host.incarnation != incarnation || !host.controller) return;
  agenda_.after(host.clock.true_span(observe_interval), [this, place, incarnation] { observe(place, incarnation); });
  look_at_service(host);
  if (now() >= loop_free_at(host)) look(host);
}

void World::look(Host& host) {
  const bool is_changing = host.procedure && !std::holds_alternative<SetNames>(host.procedure->action.kind) &&
                           !std::holds_alternative<Checkpoint>(host.procedure->action.kind) &&
                           !std::holds_alternative<Follow>(host.procedure->action.kind);
  if (host.controller && !is_changing) feed(host, core::event::PostgresSeen{facts(host)});
}

/// Each attempt that the upstream refuses looks like a stream for some milliseconds, ten times a second.
bool World::is_seen_trying(const Host& host) {
  const bool is_seen = host.server.is_refused && conditions_.refused_look_percent > 0 &&
                       random_.below(100) < conditions_.refused_look_percent;
  if (is_seen) hit(Mark::refused_attempt_seen);
  return is_seen;
}

core::PostgresFacts World::facts(const Host& host) {
  const Server& server = host.server;
  core::PostgresFacts facts;
  facts.run = server.run;
  facts.system_id = server.run == PostgresRun::absent ? "" : "system";
  facts.timeline = server.timeline;
  facts.was_primary = server.run == PostgresRun::stopped && server.was_primary;
  facts.wal_end = Lsn{server.flushed + 1};
  facts.served = server.served;
  facts.bootstrap_pending = server.is_bootstrap_pending;
  if (server.upstream) facts.upstream = hosts_[*server.upstream].id;
  for (const auto& other : hosts_) {
    if ((server.names_in_file & bit(other.place)) != 0) facts.names.insert(other.id);
  }
  facts.is_answering = host.postgres_freezes == 0 || !is_up(server.run);
  if (server.run == PostgresRun::primary) {
    const bool is_slow = host.disk_stalls != 0 || host.postgres_freezes != 0;
    if (is_slow) facts.write_probe_age = now() - host.disk_stalled_at;
    for (const auto& other : hosts_) {
      const Sender& sender = server.senders[other.place];
      if (sender.connection != 0 && facts.is_answering)
        facts.standbys.push_back({other.id, true, Lsn{sender.reported + 1}});
    }
  } else if (server.run == PostgresRun::standby) {
    facts.is_receiving = facts.is_answering && (server.connection != 0 || is_seen_trying(host));
    if (facts.is_receiving) facts.receiver = server.connection != 0 ? server.connection : ++connections_;
  }
  return facts;
}

}  // namespace gemel::sim
