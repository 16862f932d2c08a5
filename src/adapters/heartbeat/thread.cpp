// The heartbeat thread's loop: obey, speak when due, hear what has come, wait. Bounded work per turn, so that a flood
// of packets cannot keep it from speaking.
#include "adapters/heartbeat/thread.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gemel::adapters::heartbeat {

namespace {

constexpr int packets_per_turn = 64;

class Speaker {
 public:
  Speaker(Shared& shared, Conversation& conversation, const ThreadSettings& settings, int socket)
      : shared_(shared), conversation_(conversation), settings_(settings), socket_(socket) {}

  void obey() {
    take_wakes(shared_.wake_thread);
    if (auto message = shared_.message.read()) conversation_.say(*message);
    if (auto permission = shared_.permission.read()) {
      if (permission->is_confirming) {
        conversation_.resume(permission->lowest);
      } else {
        conversation_.quiesce();
      }
      publish_confirmation();
      shared_.obeyed.store(permission->number, std::memory_order_release);
      wake(shared_.wake_loop);
    }
  }

  // Sends what is due and returns when the next packet will be.
  TimePoint speak() {
    const TimePoint now = runtime::boot_now();
    const Duration loop_age = now.since_boot - Duration(shared_.loop_alive_at.load(std::memory_order_relaxed));
    // A loop that is idle because nobody is heard proves now and then that it lives, long before it counts as stalled.
    if (loop_age >= settings_.loop_limit / 3) wake(shared_.wake_loop);
    const bool is_stalled = loop_age > settings_.loop_limit;
    TimePoint next = now + settings_.interval;
    for (std::size_t peer = 0; peer < conversation_.peers(); ++peer) {
      if (conversation_.due(peer) <= now) {
        if (is_stalled) {
          shared_.silent_for_stall.fetch_add(1, std::memory_order_relaxed);
        } else {
          send(peer);
        }
        conversation_.was_tried(peer, now);
      }
      next = std::min(next, conversation_.due(peer));
    }
    return next;
  }

  void hear() {
    for (int i = 0; i < packets_per_turn; ++i) {
      // One byte more than a packet: a longer datagram shows as a wrong size.
      std::array<std::uint8_t, sealed_size + 1> bytes;
      const ssize_t got = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got < 0 && errno == EAGAIN) return;
      if (got < 0) continue;  // an ICMP error of an earlier packet
      judge(std::span(bytes.data(), static_cast<std::size_t>(got)));
    }
  }

 private:
  void send(std::size_t peer) {
    const Packet packet = conversation_.compose(peer, runtime::boot_now());
    const Sealed sealed = seal(settings_.key, conversation_.to_peer(peer), packet);
    const auto& address = settings_.addresses[peer];
    const socklen_t size = address.ss_family == AF_INET ? 16 : 28;  // sockaddr_in, sockaddr_in6
    const ssize_t sent = ::sendto(socket_, sealed.data(), sealed.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&address), size);
    if (sent != static_cast<ssize_t>(sealed.size())) {
      shared_.not_sent.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    conversation_.was_sent(peer, packet, runtime::boot_now());
    publish_confirmation();
    shared_.sent.fetch_add(1, std::memory_order_relaxed);
  }

  void judge(std::span<const std::uint8_t> bytes) {
    const auto sender = claimed_sender(bytes);
    const auto peer = sender ? conversation_.find_peer(*sender) : std::nullopt;
    auto packet = peer ? open(settings_.key, conversation_.from_peer(*peer), bytes) : std::nullopt;
    if (peer && !packet && settings_.spare_key)
      packet = open(*settings_.spare_key, conversation_.from_peer(*peer), bytes);
    if (!packet) {
      shared_.not_authentic.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    switch (conversation_.hear(*peer, *packet, runtime::boot_now())) {
      case Verdict::accepted:
        shared_.heard.fetch_add(1, std::memory_order_relaxed);
        if (!packet->has_message) return;
        shared_.news[*peer].write(*conversation_.news(*peer));
        if (conversation_.news(*peer)->is_urgent) wake(shared_.wake_loop);
        return;
      case Verdict::replayed:
        shared_.replayed.fetch_add(1, std::memory_order_relaxed);
        return;
      case Verdict::session_unknown:
        shared_.session_unknown.fetch_add(1, std::memory_order_relaxed);
        return;
      case Verdict::other_cluster:
        shared_.other_cluster.fetch_add(1, std::memory_order_relaxed);
        return;
    }
  }

  void publish_confirmation() {
    shared_.last_confirmation.store(conversation_.last_confirmation().since_boot.count(), std::memory_order_release);
  }

  Shared& shared_;
  Conversation& conversation_;
  const ThreadSettings& settings_;
  int socket_;
};

void ask_for_privileges(Shared& shared, const ThreadSettings& settings) {
  ::pthread_setname_np(::pthread_self(), "heartbeat");
  if (settings.wants_realtime) {
    sched_param parameter{};
    parameter.sched_priority = settings.realtime_priority;
    shared.is_realtime = ::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameter) == 0;  // 0: this thread
  }
  if (settings.wants_locked_memory) {
    // What is mapped now, page by page as it is touched: resident memory does not grow. Not MCL_FUTURE: with a small
    // RLIMIT_MEMLOCK it would make later allocations of the whole process fail.
    shared.is_memory_locked = ::mlockall(MCL_CURRENT | MCL_ONFAULT) == 0;
  }
}

}  // namespace

Descriptor::~Descriptor() {
  if (value_ >= 0) ::close(value_);
}

void wake(const Descriptor& event) { static_cast<void>(::eventfd_write(event.get(), 1)); }

void take_wakes(const Descriptor& event) {
  eventfd_t count = 0;
  static_cast<void>(::eventfd_read(event.get(), &count));
}

void run_heartbeat_thread(std::shared_ptr<Shared> shared, Conversation conversation, ThreadSettings settings,
                          Descriptor socket) {
  ask_for_privileges(*shared, settings);
  Speaker speaker(*shared, conversation, settings, socket.get());
  while (!shared->is_stopping.load(std::memory_order_acquire)) {
    speaker.obey();
    const TimePoint next = speaker.speak();
    pollfd ready[] = {{socket.get(), POLLIN, 0}, {shared->wake_thread.get(), POLLIN, 0}};
    const Duration wait = std::max(next - runtime::boot_now(), Duration(0));
    const timespec timeout{static_cast<time_t>(wait / std::chrono::seconds(1)),
                           static_cast<long>((wait % std::chrono::seconds(1)).count())};
    if (::ppoll(ready, 2, &timeout, nullptr) > 0 && ready[0].revents != 0) speaker.hear();
  }
}

}  // namespace gemel::adapters::heartbeat
