// Conversation: sessions, confirmations and when to speak.
//
// A heartbeat of the holder is confirmed at once, by a packet of its own, because its permit counts from the send time
// of what was confirmed: waiting for the next periodic packet would waste up to T_hb of T_lease. The rate does not
// double: after an answer the periodic packet is due T_hb·5/4 later, so a standby that hears its holder sends answers
// only, and goes back to its own rhythm when the holder is silent.
//
// A confirmation is repeated in later packets until a newer one takes its place or it is too old to be of use, so one
// lost packet does not cost the holder a whole round. That is safe: the grace period counts from when the heartbeat was
// heard (we give the slightly later time of the first packet that confirmed it), whatever is repeated afterwards; the
// permit counts from when it was sent.
#include "adapters/heartbeat/conversation.h"

#include <algorithm>

namespace gemel::adapters::heartbeat {

namespace {

constexpr int useful_intervals = 10;  // T_lease in T_hb: an older confirmation gives no permit any more

}  // namespace

Conversation::Conversation(std::string_view cluster, Name self, std::vector<Name> peers, Duration interval,
                           TimePoint start)
    : cluster_(hash_of(cluster)),
      self_hash_(hash_of(self.view())),
      session_(random_number()),
      interval_(interval),
      last_confirmation_(start) {
  for (const auto& name : peers) {
    Peer peer;
    peer.name = name;
    peer.hash = hash_of(name.view());
    peer.challenge = random_number();
    peers_.push_back(peer);
  }
}

std::optional<std::size_t> Conversation::find_peer(std::uint64_t hash) const {
  for (std::size_t i = 0; i < peers_.size(); ++i)
    if (peers_[i].hash == hash) return i;
  return std::nullopt;
}

void Conversation::say(const Message& message) {
  const bool is_change = !message_ || says_new(*message_, message);
  message_ = message;
  highest_ = std::max(highest_, message.epoch);
  if (!is_change) return;
  for (auto& peer : peers_) peer.is_urgent = true;
}

void Conversation::quiesce() {
  is_confirming_ = false;
  for (auto& peer : peers_) peer.echo = {};
}

void Conversation::resume(Epoch lowest) {
  is_confirming_ = true;
  highest_ = std::max(highest_, lowest);
}

TimePoint Conversation::due(std::size_t index) const {
  const Peer& peer = peers_[index];
  if (!peer.last_try || peer.is_urgent) return {};
  // The bound keeps replays and bursts from making us talk more than eight times the usual rate.
  if (peer.wants_answer) return *peer.last_try + interval_ / 8;
  return *peer.last_try + (peer.was_answer ? interval_ * 5 / 4 : interval_);
}

Packet Conversation::compose(std::size_t index, TimePoint now) {
  Peer& peer = peers_[index];
  Packet packet;
  packet.cluster = cluster_;
  packet.session = session_;
  packet.sequence = ++peer.sent_sequence;
  packet.send_time = now;
  packet.challenge = peer.challenge;
  packet.response = peer.their_challenge;
  packet.has_message = message_.has_value();
  if (message_) packet.message = *message_;
  const bool is_useful =
      peer.echo.session != 0 && peer.echo_epoch >= highest_ && now - peer.echo_heard_at <= interval_ * useful_intervals;
  if (is_confirming_ && is_useful) packet.echo = peer.echo;
  return packet;
}

void Conversation::was_sent(std::size_t index, const Packet& packet, TimePoint now) {
  Peer& peer = peers_[index];
  peer.answered_challenge = packet.response;
  if (packet.echo.session == 0 || packet.echo.sequence <= peer.carried_sequence) return;
  peer.carried_sequence = packet.echo.sequence;
  last_confirmation_ = std::max(last_confirmation_, now);
}

void Conversation::was_tried(std::size_t index, TimePoint now) {
  Peer& peer = peers_[index];
  peer.last_try = now;
  peer.was_answer = peer.answers_holder;
  peer.answers_holder = false;
  peer.wants_answer = false;
  peer.is_urgent = false;
}

bool Conversation::accept_session(Peer& peer, const Packet& packet) {
  if (packet.response != peer.challenge) return false;
  peer.session = packet.session;
  peer.last_sequence = 0;
  peer.news.reset();
  peer.challenge = random_number();
  peer.echo = {};
  peer.carried_sequence = 0;
  return true;
}

Verdict Conversation::hear(std::size_t index, const Packet& packet, TimePoint now) {
  Peer& peer = peers_[index];
  if (packet.cluster != cluster_) return Verdict::other_cluster;
  if (packet.session == peer.session && packet.sequence <= peer.last_sequence) return Verdict::replayed;
  const bool is_known = packet.session == peer.session || accept_session(peer, packet);
  // Also from a session that is not believed yet: giving its challenge back is how it comes to believe us.
  peer.their_challenge = packet.challenge;
  if (packet.challenge != peer.answered_challenge) peer.wants_answer = true;
  if (!is_known) {
    peer.wants_answer = true;
    return Verdict::session_unknown;
  }
  peer.last_sequence = packet.sequence;
  take_echo(peer, packet.echo, now);
  if (packet.has_message) take_message(peer, packet, now);
  return Verdict::accepted;
}

void Conversation::take_echo(Peer& peer, const Echo& echo, TimePoint now) {
  if (echo.session != session_ || echo.sequence <= peer.confirmed_sequence) return;
  if (echo.sequence > peer.sent_sequence || echo.send_time > now) return;
  peer.confirmed_sequence = echo.sequence;
  peer.confirmed_send_time = echo.send_time;
}

bool Conversation::is_urgent(const Peer& peer, const Message& message, TimePoint now) const {
  if (!peer.news || says_new(peer.news->message, message) || now - peer.news->heard_at > 2 * interval_) return true;
  if (!peer.confirmed_send_time) return false;
  const auto& former = peer.news->confirmed_send_time;
  return !former || *peer.confirmed_send_time - *former > 2 * interval_;
}

void Conversation::take_message(Peer& peer, const Packet& packet, TimePoint now) {
  peer.news = News{packet.message, peer.confirmed_send_time, now, is_urgent(peer, packet.message, now)};
  highest_ = std::max(highest_, packet.message.epoch);
  // Only the holder needs confirmations; confirming each other, two standbys would put off each other's bids for ever.
  const bool is_holder = packet.message.holder == peer.name;
  if (!is_confirming_ || !message_ || !is_holder || packet.message.epoch < highest_) return;
  peer.echo = {packet.session, packet.sequence, packet.send_time};
  peer.echo_epoch = packet.message.epoch;
  peer.echo_heard_at = now;
  peer.wants_answer = peer.answers_holder = true;
}

}  // namespace gemel::adapters::heartbeat
