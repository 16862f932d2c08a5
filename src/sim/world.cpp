#include "sim/world.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "base/text.h"

namespace gemel::sim {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace core::action;

namespace {

// How far off the kernel's timer shuts the gate: measured up to 17 ms early and never late; the protocol allows 20 ms.
constexpr Duration gate_earliest = milliseconds(-17);
// The gate answers and a process starts some time after power-on.
constexpr Duration boot_time = milliseconds(5);

std::vector<Place> voters_of(const Conditions& conditions) {
  if (conditions.hosts == 2) return {0, 1, 2};
  return conditions.has_voters_apart ? std::vector<Place>{3, 4, 5} : std::vector<Place>{0, 1, 2};
}

}  // namespace

World::World(const Conditions& conditions, const Mutation* mutation, bool wants_story)
    : conditions_(conditions),
      mutation_(mutation),
      broken_(mutation != nullptr ? mutation->model : BrokenModel::none),
      wants_story_(wants_story),
      random_(conditions.seed),
      etcd_(voters_of(conditions), conditions.first_leader),
      checker_(tree_),
      clients_(conditions.clients + conditions.hosts),
      client_states_(conditions.clients),
      hosts_(conditions.hosts) {
  const auto table = mutation != nullptr && !mutation->policy.empty() ? std::span<const core::Rule>(mutation->policy)
                                                                      : core::policy_table();
  policy_.assign(table.begin(), table.end());
  is_place_up_.fill(true);
  places_ = conditions.hosts == 2 ? 3 : conditions.has_voters_apart ? 6 : 3;
  for (Place place = 0; place < hosts_.size(); ++place) {
    Host& host = hosts_[place];
    host.id = NodeId{"db" + std::to_string(place + 1)};
    host.place = place;
    // Points of two clocks cannot be compared: a mistake must show.
    const TimePoint own{hours(place + 1)};
    double rate = conditions.clock_rates[place];
    if (is_broken(BrokenModel::clocks_beyond_rho)) rate = place == 0 ? 0.6 : 1.4;
    host.clock = HostClock(rate, now(), own);
  }
  install(conditions.beginning);
  for (auto& host : hosts_) boot(host);
  for (std::uint8_t client = 0; client < conditions.clients; ++client)
    agenda_.after(milliseconds(10 * client), [this, client] { think(client); });
  if (conditions.has_local_writers) {
    for (auto& host : hosts_) agenda_.after(milliseconds(5), [this, place = host.place] { local_write(place); });
  }
}

/// The site as it is found: nothing, or directories that were shut off together with a record.
void World::install(Beginning beginning) {
  if (beginning == Beginning::empty) return;
  Log common;
  for (int row = 0; row < 20; ++row) tree_.append(common, {});
  core::Record record;
  record.epoch = Epoch{1};
  record.holder = hosts_[0].id;
  record.system_id = "system";
  record.cluster_id = "site";
  record.token = "at the beginning";
  for (auto& host : hosts_) {
    const bool is_member = beginning == Beginning::whole || host.place == 0;
    host.server.run = core::PostgresRun::stopped;
    host.server.log = common;
    if (!is_member) host.server.log.end = 5;
    host.server.flushed = host.server.log.end;
    host.server.names_in_file = static_cast<HostMask>(((1U << hosts_.size()) - 1) & ~bit(host.place));
    if (is_member) record.members.insert(host.id);
  }
  hosts_[0].server.served = Epoch{1};
  checker_.record_changes(std::nullopt, record);
  members_ = mask_of(record.members);
  etcd_.begin_with(record, {Epoch{1}, hosts_[0].id, true, 1, Lsn{}});
  checker_.must_keep(common, true);
}

void World::run_for(Duration time) {
  const TimePoint end = now() + time;
  while (checker_.violation().empty() && agenda_.run_next(end)) {
  }
}

Duration World::around(Duration time) {
  const auto half = static_cast<std::uint64_t>(time.count() / 2) + 1;
  return time * 3 / 4 + Duration{static_cast<Duration::rep>(random_.below(half))};
}

std::optional<Place> World::place_of(const NodeId& node) const {
  for (const auto& host : hosts_) {
    if (host.id == node) return host.place;
  }
  return std::nullopt;
}

HostMask World::mask_of(const NodeSet& nodes) const {
  HostMask mask = 0;
  for (const auto& host : hosts_) {
    if (nodes.contains(host.id)) mask |= bit(host.place);
  }
  return mask;
}

/// Not at once: a fault must not end an agent whose step is being carried out.
void World::happens(Moment moment, Place place) {
  if (!watcher_) return;
  agenda_.at(now(), [this, moment, place] {
    if (watcher_) watcher_(moment, place);
  });
}

void World::mix(std::uint64_t value) {
  hash_ = (hash_ ^ value) * 0x9E3779B97F4A7C15U;
  hash_ ^= hash_ >> 29;
}

void World::tell(const std::string& line) {
  if (wants_story_) story_.push_back(std::to_string(now().since_boot / milliseconds(1)) + " " + line);
}

// ---- agents ----

void World::boot(Host& host) {
  host.is_powered = true;
  is_place_up_[host.place] = true;
  begin_agent(host);
}

void World::begin_agent(Host& host) {
  core::Config config;
  for (const auto& other : hosts_) config.databases.insert(other.id);
  config.bootstrapper = hosts_[0].id;
  config.cluster_id = "site";
  config.timers = conditions_.timers;
  config.sync_standbys = conditions_.sync_standbys;
  config.min_copies = conditions_.min_copies;
  if (mutation_ != nullptr && mutation_->config) mutation_->config(config);
  ++host.incarnation;
  if (etcd_.view().record && etcd_.view().record->record.state == core::RecordState::paused)
    hit(Mark::paused_agent_restarted);
  host.controller.emplace(host.id, config, conditions_.seed * 1000 + host.incarnation * 10 + host.place, policy_);
  std::vector<adapters::heartbeat::Name> peers;
  for (const auto& other : hosts_) {
    if (other.place != host.place) peers.emplace_back(other.id.name);
  }
  host.talk.emplace("site", adapters::heartbeat::Name(host.id.name), peers, config.timers.hb, host.clock.own(now()));
  host.has_spoken = false;
  host.held.clear();
  host.mailbox.clear();
  for (const auto packet : host.held_packets) datagrams_.take(packet);
  host.held_packets.clear();
  host.agent_frozen_until = host.loop_stalled_until = TimePoint{};
  host.loop_ran_at = now();
  host.wake_pending = host.talk_pending = TimePoint{};
  agenda_.after(boot_time, [this, place = host.place, incarnation = host.incarnation] { observe(place, incarnation); });
  arrange_talk(host);
}

TimePoint World::loop_free_at(const Host& host) const {
  return std::max({host.frozen_until, host.agent_frozen_until, host.loop_stalled_until});
}

void World::feed(Host& host, core::Event event) {
  if (!host.controller) return;
  if (now() < loop_free_at(host)) {
    host.held.push_back(std::move(event));
    return;
  }
  const auto incarnation = host.incarnation;
  collect(host);
  if (host.incarnation == incarnation && host.controller) step(host, std::move(event));
}

/// The loop looks at what it was not woken for.
void World::collect(Host& host) {
  const auto incarnation = host.incarnation;
  while (!host.mailbox.empty() && host.incarnation == incarnation && host.controller) {
    Letter letter = std::move(host.mailbox.extract(host.mailbox.begin()).mapped());
    letter.heard.last_confirmation = host.talk->last_confirmation();
    letter.heard.age = host.clock.own(now()) - letter.heard_at;
    step(host, std::move(letter.heard));
  }
}

void World::thaw_at(Host& host, TimePoint when) {
  agenda_.at(when, [this, place = host.place] { thaw(hosts_[place]); });
}

/// The clock of a suspended machine goes on.
void World::go_on(Host& host) {
  host.is_suspended = false;
  host.clock.go_on(now());
  // Its kernel lets the gate's remaining life pass; the protocol promises no more (3.7).
  host.exempt_until = now() + host.clock.true_span(conditions_.timers.lease) + milliseconds(100);
  if (host.pause && host.pause->incarnation == host.incarnation) host.pause->stood += now() - host.suspended_at;
}

/// A machine that stood still, and its clock with it, serves for longer than the protocol counts: at the end of a
/// permit by its kernel's timer, at the end of a pause by as long as it stood (docs/gaps.md).
bool World::is_exempt(const Host& host) const {
  if (now() < host.exempt_until) return true;
  if (!host.pause || host.pause->incarnation != host.incarnation || host.pause->stood == Duration{0}) return false;
  const TimePoint own = host.clock.own(now());
  const TimePoint end = host.pause->at + host.pause->length;
  return own + host.pause->stood >= end && own < end + conditions_.timers.lease + milliseconds(100);
}

/// What waited goes on, unless something else still holds it.
void World::thaw(Host& host) {
  if (host.is_suspended && !is_frozen(host)) go_on(host);
  if (!host.controller) return;
  if (now() >= std::max(host.frozen_until, host.agent_frozen_until)) {
    // The loop may run before the thread that listens does.
    const bool is_loop_first = !host.held_packets.empty() && random_.below(2) == 0;
    if (is_loop_first) feed(host, core::event::Tick{});
    if (!host.controller) return;
    const auto packets = std::exchange(host.held_packets, {});
    for (const auto place : packets) {
      const Datagram datagram = datagrams_.take(place);
      hear(host, datagram.from, datagram.packet);
    }
    arrange_talk(host);
  }
  if (now() < loop_free_at(host)) return;
  host.loop_ran_at = now();
  const auto incarnation = host.incarnation;
  auto held = std::exchange(host.held, {});
  if (random_.below(2) == 0) held.insert(held.begin(), core::event::Tick{});
  held.emplace_back(core::event::Tick{});
  for (auto& event : held) {
    if (host.incarnation == incarnation && checker_.violation().empty()) feed(host, std::move(event));
  }
}

void World::step(Host& host, core::Event event) {
  core::Input input{host.clock.own(now()), std::move(event)};
  if (mutation_ != nullptr && mutation_->before) mutation_->before(input, host.controller->state());
  core::Output output = host.controller->step(input);
  if (mutation_ != nullptr && mutation_->after) mutation_->after(output, host.controller->state());
  ++steps_;
  host.loop_ran_at = now();
  mix(static_cast<std::uint64_t>(now().since_boot.count()) ^ (std::uint64_t{host.place} << 60) ^
      (std::uint64_t{input.event.index()} << 52));
  mix(output.start.size() * 16 + output.cancel.size() * 4 + output.notes.size());
  carry_out(host, output);
  arrange_wake(host, output.wake_at);
}

void World::arrange_wake(Host& host, TimePoint own_wake) {
  host.wake_due = std::max(host.clock.true_time(own_wake), now() + milliseconds(1));
  if (host.wake_pending > now() && host.wake_pending <= host.wake_due) return;
  host.wake_pending = host.wake_due;
  agenda_.at(host.wake_due, [this, place = host.place, planned = host.wake_due] { wake(hosts_[place], planned); });
}

void World::wake(Host& host, TimePoint planned) {
  if (host.wake_pending != planned || !host.controller) return;
  host.wake_pending = TimePoint{};
  if (now() < loop_free_at(host)) return;  // thaw() brings a tick
  if (now() >= host.wake_due) return feed(host, core::event::Tick{});
  host.wake_pending = host.wake_due;
  agenda_.at(host.wake_due, [this, place = host.place, next = host.wake_due] { wake(hosts_[place], next); });
}

void World::carry_out(Host& host, const core::Output& output) {
  for (const auto& note : output.notes) {
    note_marks(note);
    if (wants_story_) tell(host.id.name + " " + note.rule + ": " + note.text);
  }
  for (const auto& id : output.cancel) cancel_procedure(host, id);
  for (const auto& action : output.start) begin(host, action);
  for (const auto& answer : output.answers) hear_answer(host, answer);
}

void World::note_marks(const core::Note& note) {
  struct Entry {
    std::string_view rule;
    Mark mark;
  };
  static constexpr std::array entries{
      Entry{"resign_crashed", Mark::crash_resign},
      Entry{"claim", Mark::claim},
      Entry{"remove_member", Mark::member_removed},
      Entry{"swap_in_member", Mark::member_added},
      Entry{"abandon_add", Mark::add_abandoned},
      Entry{"shut_without_permit", Mark::gate_shut_by_agent},
      Entry{"fence", Mark::fenced},
      Entry{"resign_sick", Mark::sick_resign},
      Entry{"bootstrap_init", Mark::bootstrap},
      Entry{"stop_asked", Mark::agent_stopped},
      Entry{"pause", Mark::paused},
      Entry{"end_pause", Mark::pause_ended},
      Entry{"yield_service", Mark::service_yielded},
      Entry{"wait_for_copy", Mark::waited_for_copy},
  };
  for (const auto& entry : entries) {
    if (entry.rule == note.rule) hit(entry.mark);
  }
}

void World::begin(Host& host, const core::Action& action) {
  const auto slot = core::slot_of(action.kind);
  if (!slot) return at_once(host, action.kind);
  switch (*slot) {
    case core::Slot::store:
      return begin_store(host, action);
    case core::Slot::postgres:
      return begin_postgres(host, action);
    case core::Slot::heartbeat:
      return quiesce(host, action.id);
  }
}

void World::end(Host& host, core::ActionId id, core::Certainty certainty, core::Payload payload) {
  feed(host, core::event::ActionEnded{id, certainty, std::move(payload), "model"});
}

void World::at_once(Host& host, const core::ActionKind& kind) {
  if (const auto* refresh = std::get_if<RefreshGate>(&kind)) {
    refresh_gate(host, *refresh);
  } else if (std::holds_alternative<ShutGate>(kind)) {
    host.gate_until = TimePoint{};
  } else if (const auto* take = std::get_if<TakeAddress>(&kind)) {
    checker_.actuator_called(host.id, take->epoch, host.highest_order);
    host.highest_order = take->epoch;
    host.has_address = true;
  } else if (std::holds_alternative<DropAddress>(kind)) {
    host.has_address = false;
  } else if (const auto* resume = std::get_if<ResumeHeartbeat>(&kind)) {
    host.talk->resume(resume->lowest);
    arrange_talk(host);
  } else if (const auto* say = std::get_if<Say>(&kind)) {
    host.talk->say(adapters::heartbeat::to_message(say->beat));
    host.has_spoken = true;
    arrange_talk(host);
  } else {
    GEMEL_CHECK(false && "an action that the models do not know");
  }
}

// ---- the gate ----

void World::refresh_gate(Host& host, const RefreshGate& refresh) {
  checker_.actuator_called(host.id, refresh.epoch, host.highest_order);
  host.highest_order = refresh.epoch;
  const bool was_open = is_open(host);
  if (!was_open) happens({MomentKind::opened, 0}, host.place);
  if (!was_open && host.gate_until != TimePoint{} && host.gate_epoch == refresh.epoch) hit(Mark::gate_shut_by_kernel);
  const auto spread = static_cast<std::uint64_t>((conditions_.timers.gate - gate_earliest).count());
  host.gate_until = refresh.until + gate_earliest + Duration{static_cast<Duration::rep>(random_.below(spread))};
  host.gate_epoch = refresh.epoch;
  host.admits_new = refresh.admits_new;
  if (!was_open && is_open(host)) gate_opened(host);
}

bool World::is_open(const Host& host) const {
  if (!host.is_powered || is_frozen(host) || host.server.run != core::PostgresRun::primary) return false;
  if (is_broken(BrokenModel::gate_never_shuts) && host.gate_until != TimePoint{}) return true;
  return host.gate_until > host.clock.own(now());
}

void World::gate_opened(Host& host) {
  if (host.service == 0) {
    host.service = ++services_;
    if (services_ > 1) hit(Mark::failover);
  }
  for (const auto& other : hosts_) {
    if (other.place == host.place || !is_open(other)) continue;
    if (is_exempt(other) || is_exempt(host)) continue;
    checker_.violate("I5: the gates of " + host.id.name + " and " + other.id.name + " are open");
  }
  // Anybody may read now what is visible.
  checker_.must_keep(visible(host), false);
  check_members();
}

}  // namespace gemel::sim
