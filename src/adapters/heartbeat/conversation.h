// What one host says to and believes of each of its peers: sessions, replays, confirmations (rule R6). Pure: no socket,
// no clock, no thread. The UDP thread and the fake network both run this.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "adapters/heartbeat/packet.h"

namespace gemel::adapters::heartbeat {

enum class Verdict { accepted, replayed, session_unknown, other_cluster };

/// What was last accepted from a peer.
struct News {
  Message message;
  std::optional<TimePoint> confirmed_send_time;
  TimePoint heard_at;
  /// It says something new, or ends a silence. Of other news it is enough to know when something is decided.
  bool is_urgent = true;
};

/// How a session of a peer becomes known: each side puts a random challenge in its packets and gives back the newest
/// one it heard. A new session is believed from the first packet on that gives back our challenge, which is then
/// replaced; a recorded packet of a former session cannot contain it. Within a session only a growing sequence is
/// accepted.
///
///        packet of another session,                       sequence not above the last: replayed
///        wrong response: session_unknown   ┌───────┐ packet of this session, sequence grew: accepted
///   ┌─────────┐  response = our challenge  │       v
///   │ unknown │ ─────────────────────────> │ established │ <── another session with the right response: replaces it
///   └─────────┘                            └───────┘
class Conversation {
 public:
  /// `start` counts as the last confirmation: the process before this one may have confirmed until it ended.
  Conversation(std::string_view cluster, Name self, std::vector<Name> peers, Duration interval, TimePoint start);

  [[nodiscard]] std::size_t peers() const { return peers_.size(); }
  [[nodiscard]] const Name& peer_name(std::size_t peer) const { return peers_[peer].name; }
  [[nodiscard]] std::optional<std::size_t> find_peer(std::uint64_t hash) const;
  [[nodiscard]] Direction to_peer(std::size_t peer) const { return {self_hash_, peers_[peer].hash}; }
  [[nodiscard]] Direction from_peer(std::size_t peer) const { return {peers_[peer].hash, self_hash_}; }

  /// What is said from now on. A change of more than wal_end makes a packet to every peer due at once.
  void say(const Message& message);
  /// No confirmation from now on, and none of what was heard until resume().
  void quiesce();
  void resume(Epoch lowest);
  [[nodiscard]] TimePoint last_confirmation() const { return last_confirmation_; }

  /// When the next packet to this peer should leave.
  [[nodiscard]] TimePoint due(std::size_t peer) const;
  /// The next packet to this peer; takes a sequence number.
  Packet compose(std::size_t peer, TimePoint now);
  /// `packet` left at or before `now`. Not called when the network refused it.
  void was_sent(std::size_t peer, const Packet& packet, TimePoint now);
  /// An attempt was made; the next one is due an interval later, sent or not.
  void was_tried(std::size_t peer, TimePoint now);

  /// Judges an authentic packet. After `accepted` with a message, news(peer) is new.
  Verdict hear(std::size_t peer, const Packet& packet, TimePoint now);
  [[nodiscard]] const std::optional<News>& news(std::size_t peer) const { return peers_[peer].news; }

 private:
  struct Peer {
    Name name;
    std::uint64_t hash = 0;
    // Theirs.
    std::uint64_t session = 0;
    std::uint64_t last_sequence = 0;
    std::uint64_t their_challenge = 0;
    std::optional<News> news;
    // Ours.
    std::uint64_t challenge = 0;
    std::uint64_t answered_challenge = 0;
    std::uint64_t sent_sequence = 0;
    std::uint64_t confirmed_sequence = 0;
    std::optional<TimePoint> confirmed_send_time;
    // What we confirm to them.
    Echo echo;
    Epoch echo_epoch;
    TimePoint echo_heard_at;
    std::uint64_t carried_sequence = 0;  // newest echo whose confirmation has left
    // Sending.
    std::optional<TimePoint> last_try;
    bool wants_answer = false;
    bool answers_holder = false;
    bool is_urgent = false;
    bool was_answer = false;
  };

  bool accept_session(Peer& peer, const Packet& packet);
  [[nodiscard]] bool is_urgent(const Peer& peer, const Message& message, TimePoint now) const;
  void take_message(Peer& peer, const Packet& packet, TimePoint now);
  void take_echo(Peer& peer, const Echo& echo, TimePoint now);

  std::uint64_t cluster_ = 0;
  std::uint64_t self_hash_ = 0;
  std::uint64_t session_ = 0;
  Duration interval_;
  std::vector<Peer> peers_;
  std::optional<Message> message_;
  Epoch highest_;
  bool is_confirming_ = true;
  TimePoint last_confirmation_;
};

}  // namespace gemel::adapters::heartbeat
