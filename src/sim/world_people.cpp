// What people do to the simulated site: requests to its agents, and things done behind their backs. What they see of
// the service side, too.
#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "base/text.h"
#include "sim/world.h"

namespace gemel::sim {

using core::PostgresRun;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// What an answer is about.
constexpr std::uint64_t switch_over = 1, pause = 2, resume = 3, force_report = 4, force = 5;
constexpr unsigned most_force_tries = 12;
constexpr Duration force_interval = milliseconds(700);

/// The largest number after these words, 0 without them.
std::uint64_t number_after(const std::string& text, std::string_view words) {
  std::uint64_t largest = 0;
  for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
    largest = std::max<std::uint64_t>(largest, std::strtoull(text.c_str() + at + words.size(), nullptr, 10));
  return largest;
}

}  // namespace

// ---- requests ----

void World::ask_switch_over(Place from, std::optional<Place> to) {
  feed(hosts_[from], core::event::SwitchoverAsked{switch_over, to ? hosts_[*to % hosts_.size()].id : NodeId{}});
}

void World::ask_pause(Duration length) {
  for (auto& host : hosts_) feed(host, core::event::PauseAsked{pause, "an operator", "maintenance", length, "later"});
}

void World::ask_resume() {
  for (auto& host : hosts_) feed(host, core::event::ResumeAsked{resume, "an operator"});
}

void World::hear_answer(Host& host, const core::Answer& answer) {
  if (answer.ask == switch_over && answer.accepted) hit(Mark::switchover);
  if (answer.ask == force_report) {
    const auto missing = number_after(answer.text, "at least ");
    host.reported_end = missing > 0 ? host.controller->state().facts.wal_end.value + missing : 0;
  }
  if (wants_story_) tell(host.id.name + " answers: " + answer.text);
}

void World::begin_force(Place place) {
  if (!etcd_.view().record) return;
  for (auto& host : hosts_) {
    if ((members_ & bit(host.place)) == 0 || !host.is_powered) continue;
    power_off(host.place);
    fenced_ |= bit(host.place);
  }
  for (std::size_t turn = 0; turn < hosts_.size(); ++turn) {
    const auto asked = static_cast<Place>((place + turn) % hosts_.size());
    if ((members_ & bit(asked)) == 0) return ask_force(asked, 0);
  }
}

void World::ask_force(Place place, unsigned tries) {
  const bool is_fenced = std::ranges::none_of(
      hosts_, [&](const Host& host) { return (members_ & bit(host.place)) != 0 && host.is_powered; });
  if (!is_fenced || tries >= most_force_tries) return;
  // First the report, then the statement that S is fenced.
  feed(hosts_[place], core::event::ForceAsked{force_report, "an operator", false});
  feed(hosts_[place], core::event::ForceAsked{force, "an operator", true});
  agenda_.after(force_interval, [this, place, tries] { ask_force(place, tries + 1); });
}

void World::end_force() {
  for (auto& host : hosts_) {
    if ((fenced_ & bit(host.place)) != 0) power_on(host.place);
  }
  fenced_ = 0;
}

/// What this host lacks is lost, and no more; and its report did not exaggerate.
void World::forced(const core::Record& before, Host& host) {
  hit(Mark::forced);
  const Log kept = durable(host);
  std::uint64_t furthest = kept.end;
  for (const auto& other : hosts_) {
    if (before.members.contains(other.id)) furthest = std::max(furthest, durable(other).end);
  }
  if (host.reported_end > furthest + 1)
    checker_.violate("F: " + host.id.name + " reported that more is missing than there is");
  if (checker_.gave_up(kept)) hit(Mark::force_lost_writes);
  clients_.forced(tree_, kept);
}

/// R11: nobody takes over out of a pause while the run of the holder that sent it may still serve on its strength.
void World::check_pause(const core::Record& before, const core::Record& next) {
  if (before.state != core::RecordState::paused || before.holder == next.holder) return;
  hit(Mark::bid_out_of_pause);
  const auto place = place_of(before.holder);
  if (!place || !before.pause) return;
  const Host& holder = hosts_[*place];
  const bool is_same_run = holder.controller && holder.pause && holder.pause->id == before.pause->id &&
                           holder.pause->incarnation == holder.incarnation;
  if (!is_same_run || is_exempt(holder) || holder.is_suspended) return;
  if (holder.clock.own(now()) < holder.pause->at + before.pause->length)
    checker_.violate("R11: " + next.holder.name + " takes over while the pause may let " + holder.id.name + " serve");
}

// ---- behind the agents' backs ----

void World::promote_by_hand(Place place) {
  for (std::size_t turn = 0; turn < hosts_.size(); ++turn) {
    Host& host = hosts_[(place + turn) % hosts_.size()];
    // A hand is slower than the rest of a gate that an agent left open.
    const bool is_gate_left = host.gate_until > host.clock.own(now());
    if (host.server.run != PostgresRun::standby || !is_writing(host) || is_gate_left) continue;
    hit(Mark::promoted_by_hand);
    tell("** " + host.id.name + " is promoted by hand");
    promote(host, host.server.names_in_file, 0);
    hand_numbers_.insert(host.server.timeline);
    return;
  }
}

void World::recycle_wal() {
  for (auto& host : hosts_) {
    if (host.server.run != PostgresRun::primary) continue;
    hit(Mark::wal_recycled);
    host.server.oldest = host.server.flushed;
    for (const auto& sender : host.server.senders) {
      if (sender.connection != 0) host.server.oldest = std::min(host.server.oldest, sender.sent);
    }
  }
}

void World::blind_service(Place place, bool is_blind) {
  Host& host = hosts_[place];
  if (is_blind) {
    ++host.service_blinds;
  } else if (host.service_blinds > 0) {
    --host.service_blinds;
  }
}

void World::look_at_service(Host& host) {
  const auto targets = conditions_.service_targets;
  if (targets == 0 || now() < loop_free_at(host)) return;
  feed(host, core::event::ServiceSeen{host.service_blinds > 0 ? std::uint16_t{0} : targets, targets});
}

}  // namespace gemel::sim
