// Heartbeats by UDP from a thread of their own, so that a busy loop, a full disk or a starved host does not silence a
// healthy server. Interface: heartbeat.h.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/heartbeat/heartbeat.h"
#include "adapters/heartbeat/packet.h"
#include "core/timers.h"

namespace gemel::adapters::heartbeat {

struct PeerAddress {
  NodeId node;
  std::string address;  // IPv4 or IPv6 literal
  std::uint16_t port = 7401;
};

struct HeartbeatConfig {
  std::string cluster_id;  // the site's id; packets of another are dropped
  NodeId self;
  std::string address;  // own node address, literal
  std::uint16_t port = 7401;
  std::vector<PeerAddress> peers = {};
  Key site_secret{};
  std::optional<Key> spare_secret = {};  // taken from peers too, while the secret is exchanged
  Duration interval = core::Timers{}.hb;
  /// The loop is taken for dead when it did not run for so long: then nothing is said or confirmed until it runs again.
  /// Without this a hung agent would keep its standby from taking over. T_lease: by then the permit has ended anyway.
  Duration loop_limit = core::Timers{}.lease;
  int realtime_priority = 5;   // SCHED_FIFO; low: above all ordinary work, below the kernel's own threads
  bool wants_realtime = true;  // both are asked for and reported, never required
  bool wants_locked_memory = true;
};

/// Binds the socket and starts the thread; greets the peers at once and says nothing until say(). Errors: `invalid`
/// (address, name too long or not unique), `unavailable`/`denied` (bind).
Result<std::unique_ptr<Heartbeat>> start_udp_heartbeat(boost::asio::any_io_executor executor,
                                                       const HeartbeatConfig& config);

struct Secrets {
  Key present{};
  std::optional<Key> spare = {};
};
/// One or two lines of 64 hexadecimal digits each, the present secret first; white space around them is ignored.
/// `invalid` otherwise. The error does not show the text.
Result<Secrets> parse_secrets(std::string_view text);

}  // namespace gemel::adapters::heartbeat
