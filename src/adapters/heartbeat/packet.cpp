// Encoding in big-endian fixed fields, and XChaCha20-Poly1305 by libsodium over the whole of it.
#include "adapters/heartbeat/packet.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace gemel::adapters::heartbeat {

namespace {

constexpr std::array<std::uint8_t, 4> magic = {'G', 'H', 'B', 1};  // the last byte is the version
constexpr std::size_t nonce_offset = 12;
static_assert(header_size == nonce_offset + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(sealed_size == header_size + body_size + crypto_aead_xchacha20poly1305_ietf_ABYTES);

using Body = std::array<std::uint8_t, body_size>;

class Writer {
 public:
  explicit Writer(std::span<std::uint8_t> out) : out_(out) {}
  void number(std::uint64_t value, std::size_t bytes = 8) {
    GEMEL_CHECK(at_ + bytes <= out_.size());
    for (std::size_t i = 0; i < bytes; ++i) out_[at_ + i] = static_cast<std::uint8_t>(value >> (8 * (bytes - 1 - i)));
    at_ += bytes;
  }
  void name(const Name& name) {
    number(name.view().size(), 1);
    GEMEL_CHECK(at_ + Name::longest <= out_.size());
    std::memcpy(out_.data() + at_, name.view().data(), name.view().size());
    at_ += Name::longest;
  }

 private:
  std::span<std::uint8_t> out_;
  std::size_t at_ = 0;
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> in) : in_(in) {}
  std::uint64_t number(std::size_t bytes = 8) {
    GEMEL_CHECK(at_ + bytes <= in_.size());  // fields are fixed: the sum is known
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | in_[at_ + i];
    at_ += bytes;
    return value;
  }
  Name name() {
    const auto size = number(1);
    const auto* text = reinterpret_cast<const char*>(in_.data() + at_);
    at_ += Name::longest;
    if (size > Name::longest) {
      is_valid_ = false;
      return {};
    }
    return Name(std::string_view(text, size));
  }
  template <typename Enum>
  Enum enumerator(Enum last) {
    const auto value = number(1);
    if (value > static_cast<std::uint64_t>(last)) is_valid_ = false;
    return static_cast<Enum>(value);
  }
  bool flag() {
    const auto value = number(1);
    if (value > 1) is_valid_ = false;
    return value == 1;
  }
  TimePoint time() { return {Duration(static_cast<std::int64_t>(number()))}; }
  [[nodiscard]] bool is_valid() const { return is_valid_; }

 private:
  std::span<const std::uint8_t> in_;
  std::size_t at_ = 0;
  bool is_valid_ = true;
};

std::uint64_t as_number(TimePoint time) { return static_cast<std::uint64_t>(time.since_boot.count()); }

Body encode(const Packet& packet) {
  Body body{};
  Writer out(body);
  for (const auto value :
       {packet.cluster, packet.session, packet.sequence, as_number(packet.send_time), packet.challenge, packet.response,
        packet.echo.session, packet.echo.sequence, as_number(packet.echo.send_time)})
    out.number(value);
  out.number(packet.has_message ? 1 : 0, 1);
  const Message& message = packet.message;
  out.number(message.epoch.value);
  out.number(static_cast<std::uint64_t>(message.revision.value));
  out.number(static_cast<std::uint64_t>(message.state), 1);
  out.number(static_cast<std::uint64_t>(message.run), 1);
  out.number(message.timeline, 4);
  out.number(message.wal_end.value);
  out.number(message.is_receiving ? 1 : 0, 1);
  out.name(message.holder);
  out.number(message.service_reachable, 2);
  out.number(message.service_total, 2);
  return body;
}

std::optional<Packet> decode(const Body& body) {
  Reader in(body);
  Packet packet;
  packet.cluster = in.number();
  packet.session = in.number();
  packet.sequence = in.number();
  packet.send_time = in.time();
  packet.challenge = in.number();
  packet.response = in.number();
  packet.echo.session = in.number();
  packet.echo.sequence = in.number();
  packet.echo.send_time = in.time();
  packet.has_message = in.flag();
  Message& message = packet.message;
  message.epoch = {in.number()};
  message.revision = {static_cast<std::int64_t>(in.number())};
  message.state = in.enumerator(core::RecordState::paused);
  message.run = in.enumerator(core::PostgresRun::primary);
  message.timeline = static_cast<std::uint32_t>(in.number(4));
  message.wal_end = {in.number()};
  message.is_receiving = in.flag();
  message.holder = in.name();
  // An older version leaves these bytes zero: no targets.
  message.service_reachable = static_cast<std::uint16_t>(in.number(2));
  message.service_total = static_cast<std::uint16_t>(in.number(2));
  if (!in.is_valid() || packet.session == 0) return std::nullopt;
  return packet;
}

// Additional data: the clear header up to the nonce, and the receiver, who is not in the packet.
std::array<std::uint8_t, nonce_offset + 8> additional_data(Direction direction) {
  std::array<std::uint8_t, nonce_offset + 8> data{};
  std::memcpy(data.data(), magic.data(), magic.size());
  Writer out(std::span(data).subspan(magic.size()));
  out.number(direction.sender);
  out.number(direction.receiver);
  return data;
}

}  // namespace

Name::Name(std::string_view text) {
  GEMEL_CHECK(text.size() <= longest);
  size_ = static_cast<std::uint8_t>(text.size());
  std::ranges::copy(text, bytes_.begin());
}

bool says_new(const Message& before, const Message& after) {
  Message same_end = before;
  same_end.wal_end = after.wal_end;
  return same_end != after;
}

Message to_message(const Beat& beat) {
  return {.epoch = beat.epoch,
          .holder = Name(beat.holder.name),
          .revision = beat.revision,
          .state = beat.state,
          .run = beat.run,
          .timeline = beat.timeline,
          .wal_end = beat.wal_end,
          .is_receiving = beat.is_receiving,
          .service_reachable = beat.service_reachable,
          .service_total = beat.service_total};
}

Beat to_beat(const Message& message) {
  return {.epoch = message.epoch,
          .holder = {std::string(message.holder.view())},
          .revision = message.revision,
          .state = message.state,
          .run = message.run,
          .timeline = message.timeline,
          .wal_end = message.wal_end,
          .is_receiving = message.is_receiving,
          .service_reachable = message.service_reachable,
          .service_total = message.service_total};
}

bool prepare_cryptography() { return sodium_init() >= 0; }

std::uint64_t hash_of(std::string_view text) {
  static_assert(crypto_generichash_BYTES_MIN >= 8);
  std::array<std::uint8_t, crypto_generichash_BYTES_MIN> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), nullptr,
                     0);
  return Reader(hash).number();
}

std::uint64_t random_number() {
  std::uint64_t number = 0;
  while (number == 0) randombytes_buf(&number, sizeof number);
  return number;
}

Key heartbeat_key(const Key& site_secret) {
  static_assert(crypto_kdf_KEYBYTES == std::tuple_size_v<Key>);
  Key key{};
  crypto_kdf_derive_from_key(key.data(), key.size(), 1, "gemel_hb", site_secret.data());
  return key;
}

Sealed seal(const Key& key, Direction direction, const Packet& packet) {
  Sealed sealed{};
  const auto data = additional_data(direction);
  std::memcpy(sealed.data(), data.data(), nonce_offset);
  // 192 random bits: no counter to keep across restarts.
  randombytes_buf(sealed.data() + nonce_offset, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
  const Body body = encode(packet);
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + header_size, nullptr, body.data(), body.size(),
                                             data.data(), data.size(), nullptr, sealed.data() + nonce_offset,
                                             key.data());
  return sealed;
}

std::optional<std::uint64_t> claimed_sender(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != sealed_size || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0) return std::nullopt;
  return Reader(bytes.subspan(magic.size())).number();
}

std::optional<Packet> open(const Key& key, Direction direction, std::span<const std::uint8_t> bytes) {
  if (claimed_sender(bytes) != direction.sender) return std::nullopt;
  const auto data = additional_data(direction);
  Body body;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(body.data(), nullptr, nullptr, bytes.data() + header_size,
                                                 bytes.size() - header_size, data.data(), data.size(),
                                                 bytes.data() + nonce_offset, key.data()) != 0)
    return std::nullopt;
  return decode(body);
}

}  // namespace gemel::adapters::heartbeat
