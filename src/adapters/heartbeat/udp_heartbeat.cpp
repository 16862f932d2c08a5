// The loop's side of the heartbeat thread: mailboxes, wake-ups, and the handler.
#include "adapters/heartbeat/udp_heartbeat.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <set>
#include <system_error>

#include "adapters/heartbeat/thread.h"
#include "base/text.h"

namespace gemel::adapters::heartbeat {

namespace {

// Lives as long as a handler or a waiting quiesce() needs it.
struct LoopSide {
  LoopSide(const boost::asio::any_io_executor& executor, int wake_descriptor)
      : wakes(executor, wake_descriptor), obeyed(executor) {}
  std::shared_ptr<Shared> shared;
  std::vector<NodeId> peers;
  std::function<void(Heard)> handler;
  boost::asio::posix::stream_descriptor wakes;  // a duplicate of Shared::wake_loop
  boost::asio::steady_timer obeyed;             // cancelled when the thread obeyed a permission
  Permission permission;
  std::optional<Message> said;
};

void deliver(LoopSide& side) {
  side.shared->loop_alive_at.store(runtime::boot_now().since_boot.count(), std::memory_order_relaxed);
  side.obeyed.cancel();
  for (std::size_t peer = 0; peer < side.peers.size(); ++peer) {
    auto news = side.shared->news[peer].read();
    if (!news) continue;
    // A copy: the handler may set another one.
    if (auto handler = side.handler)
      handler({side.peers[peer], to_beat(news->message), news->confirmed_send_time, news->heard_at});
  }
}

void watch(std::weak_ptr<LoopSide> owner) {
  auto side = owner.lock();
  if (!side) return;
  side->wakes.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [owner](const boost::system::error_code& error) {
                           auto alive = owner.lock();
                           if (error || !alive) return;
                           take_wakes(alive->shared->wake_loop);
                           deliver(*alive);
                           watch(owner);
                         });
}

runtime::Task<void> wait_until_obeyed(std::shared_ptr<LoopSide> side, std::uint64_t number) {
  while (side->shared->obeyed.load(std::memory_order_acquire) < number) {
    // The thread wakes us; the time-out only guards against a wake-up taken before this wait began.
    side->obeyed.expires_after(std::chrono::milliseconds(20));
    co_await side->obeyed.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }
}

class UdpHeartbeat final : public Heartbeat {
 public:
  UdpHeartbeat(std::shared_ptr<LoopSide> side, std::thread thread)
      : side_(std::move(side)), thread_(std::move(thread)) {
    watch(side_);
  }
  ~UdpHeartbeat() override {
    side_->shared->is_stopping.store(true, std::memory_order_release);
    wake(side_->shared->wake_thread);
    thread_.join();  // bounded: it never waits longer than an interval
    boost::system::error_code ignored;
    side_->wakes.close(ignored);
  }

  void say(Beat beat) override {
    side_->shared->loop_alive_at.store(runtime::boot_now().since_boot.count(), std::memory_order_relaxed);
    const Message message = to_message(beat);
    side_->shared->message.write(message);
    // The end of the WAL leaves with the next packet.
    if (!side_->said || says_new(*side_->said, message)) wake(side_->shared->wake_thread);
    side_->said = message;
  }
  void on_heard(std::function<void(Heard)> handler) override { side_->handler = std::move(handler); }
  void collect() override { deliver(*side_); }

  runtime::Task<TimePoint> quiesce() override {
    const auto number = order(false, {});
    co_await wait_until_obeyed(side_, number);
    co_return last_confirmation();
  }
  void resume(Epoch lowest) override { order(true, lowest); }

  TimePoint last_confirmation() const override {
    return {Duration(side_->shared->last_confirmation.load(std::memory_order_acquire))};
  }

  HeartbeatStats stats() const override {
    const Shared& shared = *side_->shared;
    return {.sent = shared.sent,
            .heard = shared.heard,
            .not_sent = shared.not_sent,
            .not_authentic = shared.not_authentic,
            .replayed = shared.replayed,
            .session_unknown = shared.session_unknown,
            .other_cluster = shared.other_cluster,
            .silent_for_stall = shared.silent_for_stall,
            .is_realtime = shared.is_realtime,
            .is_memory_locked = shared.is_memory_locked};
  }

 private:
  std::uint64_t order(bool is_confirming, Epoch lowest) {
    side_->permission = {side_->permission.number + 1, is_confirming, lowest};
    side_->shared->permission.write(side_->permission);
    wake(side_->shared->wake_thread);
    return side_->permission.number;
  }

  std::shared_ptr<LoopSide> side_;
  std::thread thread_;
};

Result<sockaddr_storage> socket_address(const std::string& text, std::uint16_t port) {
  sockaddr_storage storage{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
  } else if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
  } else {
    return fail(ErrorCode::invalid, "heartbeat: \"" + text + "\" is not an address");
  }
  return storage;
}

Result<Descriptor> open_socket(const HeartbeatConfig& config) {
  auto address = socket_address(config.address, config.port);
  if (!address) return std::unexpected(address.error());
  Descriptor socket(::socket(address->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return fail_errno(errno, "heartbeat: open a UDP socket");
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
    return fail_errno(errno, "heartbeat: bind " + config.address + ":" + std::to_string(config.port));
  return socket;
}

Status check_names(const HeartbeatConfig& config) {
  std::set<std::string> names{config.self.name};
  for (const auto& peer : config.peers)
    if (!names.insert(peer.node.name).second)
      return fail(ErrorCode::invalid, "heartbeat: the host \"" + peer.node.name + "\" is named twice");
  for (const auto& name : names)
    if (name.empty() || name.size() > Name::longest)
      return fail(ErrorCode::invalid, "heartbeat: \"" + name + "\" is not a host name of 1 to 63 bytes");
  if (config.interval <= Duration(0)) return fail(ErrorCode::invalid, "heartbeat: the interval is not positive");
  return {};
}

Result<ThreadSettings> thread_settings(const HeartbeatConfig& config) {
  ThreadSettings settings{.key = heartbeat_key(config.site_secret),
                          .spare_key = {},
                          .interval = config.interval,
                          .loop_limit = config.loop_limit,
                          .realtime_priority = config.realtime_priority,
                          .wants_realtime = config.wants_realtime,
                          .wants_locked_memory = config.wants_locked_memory,
                          .addresses = {}};
  if (config.spare_secret) settings.spare_key = heartbeat_key(*config.spare_secret);
  for (const auto& peer : config.peers) {
    auto address = socket_address(peer.address, peer.port);
    if (!address) return std::unexpected(address.error());
    settings.addresses.push_back(*address);
  }
  return settings;
}

Result<std::shared_ptr<LoopSide>> loop_side(const boost::asio::any_io_executor& executor, const HeartbeatConfig& config,
                                            TimePoint start) {
  auto shared = std::make_shared<Shared>(config.peers.size());
  shared->wake_thread = Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  shared->wake_loop = Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  const int watched = ::dup(shared->wake_loop.get());
  if (shared->wake_thread.get() < 0 || watched < 0) return fail_errno(errno, "heartbeat: create an event descriptor");
  shared->loop_alive_at = start.since_boot.count();
  shared->last_confirmation = start.since_boot.count();
  auto side = std::make_shared<LoopSide>(executor, watched);
  side->shared = std::move(shared);
  for (const auto& peer : config.peers) side->peers.push_back(peer.node);
  return side;
}

Result<Key> parse_key(std::string_view text) {
  const auto digits = trim(text);
  Key key{};
  const auto value_of = [](char digit) {
    constexpr std::string_view all = "0123456789abcdef";
    return all.find(digit >= 'A' && digit <= 'F' ? static_cast<char>(digit + 32) : digit);
  };
  bool is_good = digits.size() == 2 * key.size();
  for (std::size_t i = 0; is_good && i < key.size(); ++i) {
    const auto high = value_of(digits[2 * i]), low = value_of(digits[2 * i + 1]);
    is_good = high < 16 && low < 16;
    key[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  if (!is_good) return fail(ErrorCode::invalid, "the heartbeat secret is not 64 hexadecimal digits");
  return key;
}

}  // namespace

Result<Secrets> parse_secrets(std::string_view text) {
  const auto lines = split(trim(text), '\n');
  if (lines.size() > 2) return fail(ErrorCode::invalid, "the heartbeat secret has more than two lines");
  const auto present = parse_key(lines[0]);
  if (!present) return std::unexpected(present.error());
  if (lines.size() == 1) return Secrets{*present, std::nullopt};
  const auto spare = parse_key(lines[1]);
  if (!spare) return std::unexpected(spare.error());
  return Secrets{*present, *spare};
}

Result<std::unique_ptr<Heartbeat>> start_udp_heartbeat(boost::asio::any_io_executor executor,
                                                       const HeartbeatConfig& config) {
  if (!prepare_cryptography()) return fail(ErrorCode::unavailable, "heartbeat: no source of randomness");
  if (auto checked = check_names(config); !checked) return std::unexpected(checked.error());
  const TimePoint start = runtime::boot_now();
  auto settings = thread_settings(config);
  if (!settings) return std::unexpected(settings.error());
  auto socket = open_socket(config);
  if (!socket) return std::unexpected(socket.error());
  auto side = loop_side(executor, config, start);
  if (!side) return std::unexpected(side.error());
  std::vector<Name> peers;
  for (const auto& peer : config.peers) peers.emplace_back(peer.node.name);
  Conversation conversation(config.cluster_id, Name(config.self.name), peers, config.interval, start);
  try {
    std::thread thread(run_heartbeat_thread, (*side)->shared, std::move(conversation), std::move(*settings),
                       std::move(*socket));
    return std::make_unique<UdpHeartbeat>(std::move(*side), std::move(thread));
  } catch (const std::system_error& error) {
    return fail_errno(error.code().value(), "heartbeat: start the thread");
  }
}

}  // namespace gemel::adapters::heartbeat
