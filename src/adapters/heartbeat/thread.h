// The heartbeat thread: a UDP socket, a Conversation, and mailboxes to and from the loop. Used by udp_heartbeat.cpp
// only.
#pragma once

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "adapters/heartbeat/conversation.h"
#include "adapters/heartbeat/newest.h"
#include "adapters/heartbeat/udp_heartbeat.h"

namespace gemel::adapters::heartbeat {

/// A descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int value = -1) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor();
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

/// Whether to confirm. Numbered, so that the loop knows when the thread obeys.
struct Permission {
  std::uint64_t number = 0;
  bool is_confirming = true;
  Epoch lowest;
};

/// Everything the two threads share. Each field says who writes it; all are lock-free.
struct Shared {
  explicit Shared(std::size_t peers) : news(peers) {}
  // Written by the loop.
  Newest<Message> message;
  Newest<Permission> permission;
  std::atomic<bool> is_stopping = false;
  std::atomic<std::int64_t> loop_alive_at{0};  // boot clock, ns
  // Written by the thread.
  std::vector<Newest<News>> news;        // one per peer
  std::atomic<std::uint64_t> obeyed{0};  // number of the newest permission obeyed
  std::atomic<std::int64_t> last_confirmation{0};
  std::atomic<std::uint64_t> sent{0}, heard{0}, not_sent{0}, not_authentic{0}, replayed{0}, session_unknown{0},
      other_cluster{0}, silent_for_stall{0};
  std::atomic<bool> is_realtime = false, is_memory_locked = false;
  // Either side wakes the other.
  Descriptor wake_thread, wake_loop;
};

struct ThreadSettings {
  Key key{};
  std::optional<Key> spare_key;  // opens packets too
  Duration interval{};
  Duration loop_limit{};
  int realtime_priority = 0;
  bool wants_realtime = false;
  bool wants_locked_memory = false;
  std::vector<sockaddr_storage> addresses;  // of the peers, in the Conversation's order
};

/// Adds one to an eventfd.
void wake(const Descriptor& event);
/// Takes what is in an eventfd, without waiting.
void take_wakes(const Descriptor& event);

/// Runs until Shared::is_stopping. Allocates nothing after its first lines.
void run_heartbeat_thread(std::shared_ptr<Shared> shared, Conversation conversation, ThreadSettings settings,
                          Descriptor socket);

}  // namespace gemel::adapters::heartbeat
