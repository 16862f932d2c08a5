// Heartbeats of the simulated hosts: the real Conversation over the simulated network.
#include <algorithm>
#include <chrono>

#include "sim/world.h"

namespace gemel::sim {

using adapters::heartbeat::Packet;
using adapters::heartbeat::Verdict;
using std::chrono::microseconds;

namespace {

/// Peers are numbered without the host itself.
Place peer_place(Place self, std::size_t peer) { return static_cast<Place>(peer < self ? peer : peer + 1); }
std::size_t peer_number(Place self, Place other) { return other < self ? other : other - 1U; }

}  // namespace

void World::arrange_talk(Host& host) {
  TimePoint due = host.talk->due(0);
  for (std::size_t peer = 1; peer < host.talk->peers(); ++peer) due = std::min(due, host.talk->due(peer));
  const TimePoint when = std::max(host.clock.true_time(due), now() + microseconds(20));
  if (host.talk_pending > now() && host.talk_pending <= when) return;
  host.talk_pending = when;
  agenda_.at(when, [this, place = host.place, when] { talk(hosts_[place], when); });
}

void World::talk(Host& host, TimePoint planned) {
  if (host.talk_pending != planned || !host.talk) return;
  host.talk_pending = TimePoint{};
  if (now() < std::max(host.frozen_until, host.agent_frozen_until)) return;  // thaw() goes on
  const TimePoint own = host.clock.own(now());
  // The heartbeat thread takes a loop that does not run for dead.
  const bool is_silent = now() - host.loop_ran_at > host.clock.true_span(conditions_.timers.lease);
  for (std::size_t peer = 0; peer < host.talk->peers(); ++peer) {
    if (host.talk->due(peer) > own + microseconds(1)) continue;
    if (!is_silent) {
      const Packet packet = host.talk->compose(peer, own);
      host.talk->was_sent(peer, packet, own);
      const Place to = peer_place(host.place, peer);
      const Link& link = network_.link(host.place, to);
      const bool is_lost = !network_.passes_datagrams(host.place, to) || random_.below(100) < link.loss_percent;
      if (is_lost) {
        hit(Mark::packet_lost);
      } else {
        const bool is_double = random_.below(100) < link.double_percent;
        if (is_double) hit(Mark::packet_duplicated);
        for (int copy = 0; copy < (is_double ? 2 : 1); ++copy) {
          const auto number = datagrams_.put({packet, host.place, host.incarnation});
          agenda_.after(network_.delay(host.place, to, random_),
                        [this, from = host.place, to, incarnation = host.incarnation, number] {
                          deliver(from, to, incarnation, number);
                        });
        }
      }
    }
    host.talk->was_tried(peer, own);
  }
  arrange_talk(host);
}

void World::deliver(Place from, Place to, std::uint32_t /*incarnation*/, std::uint32_t number) {
  Host& host = hosts_[to];
  const bool is_waiting = now() < std::max(host.frozen_until, host.agent_frozen_until);
  if (host.talk && is_waiting) {
    host.held_packets.push_back(number);  // in the socket's buffer
    return;
  }
  const Datagram datagram = datagrams_.take(number);
  if (host.talk) hear(host, from, datagram.packet);
}

void World::hear(Host& host, Place from, const Packet& packet) {
  const std::size_t peer = peer_number(host.place, from);
  const auto verdict = host.talk->hear(peer, packet, host.clock.own(now()));
  if (verdict == Verdict::replayed) hit(Mark::packet_reordered);
  arrange_talk(host);
  if (verdict != Verdict::accepted || !packet.has_message) return;
  const auto& news = host.talk->news(peer);
  host.mailbox[from] = {
      core::Heard{hosts_[from].id, adapters::heartbeat::to_beat(news->message), news->confirmed_send_time, TimePoint{}},
      news->heard_at};
  if (news->is_urgent && now() >= loop_free_at(host)) collect(host);
}

void World::quiesce(Host& host, core::ActionId id) {
  agenda_.after(microseconds(100), [this, place = host.place, incarnation = host.incarnation, id] {
    Host& same = hosts_[place];
    if (same.incarnation != incarnation || !same.controller) return;
    same.talk->quiesce();
    happens({MomentKind::quiesced, 0}, place);
    end(same, id, core::Certainty::done, core::payload::LastConfirmation{same.talk->last_confirmation()});
  });
}

}  // namespace gemel::sim
