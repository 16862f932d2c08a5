// What a fault does to the simulated site, and how everything is healed; and the questions from outside.
#include <algorithm>
#include <bit>
#include <chrono>

#include "base/text.h"
#include "sim/world.h"

namespace gemel::sim {

using core::PostgresRun;
using std::chrono::milliseconds;

void World::crash_postgres(Place place) {
  Host& host = hosts_[place];
  if (host.server.run != PostgresRun::primary && host.server.run != PostgresRun::standby) return;
  end_server(host);
  feed(host, core::event::PostgresExited{});
}

void World::power_off(Place place) {
  Host& host = hosts_[place];
  if (!host.is_powered) return;
  const Log kept = durable(host);
  const bool is_losing = kept.end < host.server.log.end && random_.below(100) < conditions_.unflushed_loss_percent;
  end_server(host);
  if (is_losing) {
    hit(Mark::unflushed_lost);
    host.server.log = kept;
    host.server.flushed = kept.end;
  }
  if (is_broken(BrokenModel::loses_flushed_wal) && host.server.log.end > 30) {
    host.server.log.end -= 10;
    host.server.flushed = host.server.log.end;
  }
  end_agent(place);
  host.is_powered = false;
  is_place_up_[place] = false;
  host.gate_until = TimePoint{};
  host.has_address = false;
  host.highest_order = Epoch{};
  host.frozen_until = TimePoint{};
  if (host.is_suspended) host.clock.go_on(now());
  host.is_suspended = false;
  check_members();
}

void World::power_on(Place place) {
  if (!hosts_[place].is_powered) boot(hosts_[place]);
}

/// Its process is gone; PostgreSQL, the gate's timer and the address stay.
void World::end_agent(Place place) {
  Host& host = hosts_[place];
  host.controller.reset();
  host.talk.reset();
  ++host.incarnation;
  host.procedure.reset();
  host.held.clear();
  host.mailbox.clear();
  for (const auto packet : host.held_packets) datagrams_.take(packet);
  host.held_packets.clear();
}

void World::start_agent(Place place) {
  Host& host = hosts_[place];
  if (!host.is_powered) return;
  if (host.controller) end_agent(place);
  begin_agent(host);
}

void World::stop_agent(Place place) { feed(hosts_[place], core::event::StopAsked{}); }

void World::freeze_agent(Place place, Duration time) {
  Host& host = hosts_[place];
  host.agent_frozen_until = std::max(host.agent_frozen_until, now() + time);
  thaw_at(host, host.agent_frozen_until);
}

void World::stall_loop(Place place, Duration time) {
  Host& host = hosts_[place];
  host.loop_stalled_until = std::max(host.loop_stalled_until, now() + time);
  thaw_at(host, host.loop_stalled_until);
}

void World::freeze_host(Place place, Duration time, bool does_clock_stop) {
  Host& host = hosts_[place];
  if (!host.is_powered || is_frozen(host)) return;
  host.frozen_until = now() + time;
  if (does_clock_stop) {
    host.is_suspended = true;
    host.suspended_at = now();
    host.clock.stop(now());
  }
  is_place_up_[place] = false;
  agenda_.at(host.frozen_until, [this, place, until = host.frozen_until] {
    Host& same = hosts_[place];
    if (!same.is_powered || same.frozen_until != until) return;
    is_place_up_[place] = true;
    thaw(same);
  });
}

void World::freeze_postgres(Place place, bool is_frozen_now) {
  Host& host = hosts_[place];
  if (is_frozen_now) {
    if (host.postgres_freezes++ == 0 && host.disk_stalls == 0) host.disk_stalled_at = now();
  } else if (host.postgres_freezes > 0) {
    --host.postgres_freezes;
    release(host);
  }
}

void World::stall_disk(Place place, bool is_stalled) {
  Host& host = hosts_[place];
  if (is_stalled) {
    hit(Mark::disk_stall);
    if (host.disk_stalls++ == 0 && host.postgres_freezes == 0) host.disk_stalled_at = now();
  } else if (host.disk_stalls > 0) {
    --host.disk_stalls;
  }
}

void World::block_promotion(Place place, bool is_blocked) {
  Host& host = hosts_[place];
  if (is_blocked) {
    ++host.promotion_blocks;
  } else if (host.promotion_blocks > 0) {
    --host.promotion_blocks;
  }
}

void World::fail_next_procedure(Place place, bool takes_effect) {
  hosts_[place].is_failing_next = true;
  hosts_[place].does_failing_take_effect = takes_effect;
}

void World::cut(Place from, Place to, Traffic traffic) {
  if (from != to) network_.cut(from, to, traffic);
}

void World::restore(Place from, Place to, Traffic traffic) {
  if (from != to && (network_.link(from, to).datagram_cuts > 0 || network_.link(from, to).stream_cuts > 0))
    network_.restore(from, to, traffic);
}

void World::lose_leader(Duration time) {
  hit(Mark::no_leader);
  etcd_.lose_leader(now() + time);
}

/// A cancelled wait ends with a warning and a success: its client must take it for unknown (finding 2).
void World::cancel_waits() {
  for (auto& host : hosts_) {
    if (host.server.run != PostgresRun::primary) continue;
    for (const auto& waiting : host.server.waiting) {
      hit(Mark::cancelled_wait);
      if (is_broken(BrokenModel::cancel_counts_as_done)) {
        clients_.told_done(waiting.operation, host.service, true, checker_);
      } else {
        clients_.give_up(waiting.operation);
      }
    }
    host.server.waiting.clear();
  }
}

void World::restore_store(std::size_t back) {
  const Revision before = etcd_.view().record ? etcd_.view().record->revision : Revision{};
  etcd_.restore(back);
  const Revision after = etcd_.view().record ? etcd_.view().record->revision : Revision{};
  tell("-- record restored from " + std::to_string(before.value) + " to " + std::to_string(after.value));
  if (after == before) return;
  hit(Mark::store_restored);
  is_store_restored_ = true;
}

void World::heal() {
  network_.heal();
  etcd_.is_up = etcd_.has_space = true;
  etcd_.find_leader();
  lose_answer_ = is_reading_stale_ = is_watch_silent_ = false;
  delay_swap_.reset();
  conditions_.procedure_time = std::min(conditions_.procedure_time, Duration{milliseconds(60)});
  conditions_.store_time = std::min(conditions_.store_time, Duration{milliseconds(5)});
  for (auto& host : hosts_) {
    host.disk_stalls = host.postgres_freezes = host.promotion_blocks = host.service_blinds = 0;
    host.names_delay = Duration{0};
    host.is_failing_next = false;
    if (is_frozen(host)) host.frozen_until = now();
    if (host.is_suspended) go_on(host);
    host.agent_frozen_until = host.loop_stalled_until = TimePoint{};
    std::erase_if(host.held, [](const auto& event) { return std::holds_alternative<core::event::StopAsked>(event); });
    is_place_up_[host.place] = true;
    if (!host.is_powered) {
      boot(host);
    } else if (!host.controller) {
      begin_agent(host);
    } else if (host.controller->state().is_stopping) {
      start_agent(host.place);
    } else {
      thaw(host);
    }
    release(host);
  }
}

// ---- questions ----

std::optional<Place> World::primary() const {
  for (const auto& host : hosts_) {
    if (is_open(host) && host.has_address) return host.place;
  }
  return std::nullopt;
}

bool World::is_whole() const {
  const auto at = primary();
  // In a pause nobody would take over: it is not what it should be before that is over.
  if (!etcd_.view().record || etcd_.view().record->record.state != core::RecordState::normal) return false;
  const auto wanted = std::min<std::size_t>(hosts_.size(), 1 + conditions_.sync_standbys);
  if (!at || static_cast<std::size_t>(std::popcount(members_)) != wanted) return false;
  const Server& server = hosts_[*at].server;
  return std::ranges::all_of(hosts_, [&](const Host& host) {
    if (host.place == *at) return true;
    const Sender& sender = server.senders[host.place];
    return sender.connection != 0 && host.server.connection == sender.connection &&
           host.server.timeline == server.timeline;
  });
}

bool World::has_halted() const {
  return is_store_restored_ && std::ranges::any_of(hosts_, [](const Host& host) {
           return host.controller && host.controller->state().last_rule == "halt_regressed";
         });
}

void World::check_record_served() {
  for (const auto& host : hosts_) {
    if (is_open(host) && host.controller && host.controller->state().store.record != etcd_.view().record)
      checker_.violate("R8: " + host.id.name + " serves beside a record that etcd does not hold");
  }
}

std::string World::describe() const {
  std::string text = etcd_.view().record ? "S " + to_string(etcd_.view().record->record.members) + " epoch " +
                                               std::to_string(etcd_.view().record->record.epoch.value)
                                         : std::string("no record");
  for (const auto& host : hosts_) {
    text += "; " + host.id.name + " " + std::string(core::to_string(host.server.run)) + " branch " +
            std::to_string(host.server.log.branch) + " up to " + std::to_string(host.server.log.end) + " timeline " +
            std::to_string(host.server.timeline) + (host.server.connection != 0 ? " receives" : "") +
            (is_open(host) ? " open" : "") + (host.controller ? ", rule " + host.controller->state().last_rule : "");
  }
  return text;
}

}  // namespace gemel::sim
