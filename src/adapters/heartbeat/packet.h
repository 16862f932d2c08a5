// The heartbeat packet: layout, and sealing (authenticated encryption before anything is parsed). Pure, no socket.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "adapters/heartbeat/heartbeat.h"

namespace gemel::adapters::heartbeat {

/// A host's name in fixed memory, so that nothing on the heartbeat thread allocates. Value.
class Name {
 public:
  static constexpr std::size_t longest = 63;
  Name() = default;
  /// Pre: at most `longest` bytes.
  explicit Name(std::string_view text);
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }
  bool operator==(const Name& other) const { return view() == other.view(); }

 private:
  std::array<char, longest> bytes_{};
  std::uint8_t size_ = 0;
};

/// Beat in fixed memory. Value.
struct Message {
  Epoch epoch = {};
  Name holder = {};
  Revision revision = {};
  core::RecordState state = core::RecordState::normal;
  core::PostgresRun run = core::PostgresRun::unknown;
  std::uint32_t timeline = 0;
  Lsn wal_end = {};
  bool is_receiving = false;
  std::uint16_t service_reachable = 0;
  std::uint16_t service_total = 0;
  bool operator==(const Message&) const = default;
};
Message to_message(const Beat& beat);
/// More than the end of the WAL is different: that moves all the time, and nothing waits for it.
bool says_new(const Message& before, const Message& after);
Beat to_beat(const Message& message);

/// "I heard this packet of your session", with the send time it carried. session 0: nothing is confirmed.
struct Echo {
  std::uint64_t session = 0;
  std::uint64_t sequence = 0;
  TimePoint send_time;
  bool operator==(const Echo&) const = default;
};

struct Packet {
  std::uint64_t cluster = 0;    // hash of the site's id
  std::uint64_t session = 0;    // random, of this start of the sender
  std::uint64_t sequence = 0;   // from 1, per receiver
  TimePoint send_time;          // the sender's boot clock; others only give it back
  std::uint64_t challenge = 0;  // the receiver is to give it back to be believed
  std::uint64_t response = 0;   // the receiver's newest challenge
  bool has_message = false;     // false: a greeting, the sender has nothing to say yet
  Message message;
  Echo echo;
  bool operator==(const Packet&) const = default;
};

using Key = std::array<std::uint8_t, 32>;
inline constexpr std::size_t header_size = 4 + 8 + 24;  // magic and version, hash of the sender, nonce
inline constexpr std::size_t body_size = 192;
inline constexpr std::size_t sealed_size = header_size + body_size + 16;
using Sealed = std::array<std::uint8_t, sealed_size>;

/// Call once before anything else here; false when the system has no randomness.
bool prepare_cryptography();
/// 64-bit BLAKE2b of a name or id.
std::uint64_t hash_of(std::string_view text);
/// Random, never 0.
std::uint64_t random_number();
/// The key of heartbeats from the site's secret (a key of its own for this use).
Key heartbeat_key(const Key& site_secret);

/// One direction of one pair of hosts: a packet sealed for one does not open for any other sender or receiver, so
/// nothing can be reflected or passed on to a third.
struct Direction {
  std::uint64_t sender = 0;
  std::uint64_t receiver = 0;
};

Sealed seal(const Key& key, Direction direction, const Packet& packet);
/// Hash of the sender as the header claims it; nothing when size, magic or version differ. Not authenticated.
std::optional<std::uint64_t> claimed_sender(std::span<const std::uint8_t> bytes);
/// The packet, or nothing when any bit differs from what was sealed for this direction, or the content is malformed.
std::optional<Packet> open(const Key& key, Direction direction, std::span<const std::uint8_t> bytes);

}  // namespace gemel::adapters::heartbeat
