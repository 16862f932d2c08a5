// One database host of the simulated site: its kernel, its agent, its PostgreSQL directory and server.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapters/heartbeat/conversation.h"
#include "core/controller.h"
#include "sim/host_clock.h"
#include "sim/network.h"
#include "sim/wal.h"

namespace gemel::sim {

using HostMask = std::uint8_t;  // bit n: host n
constexpr HostMask bit(Place host) { return static_cast<HostMask>(1U << host); }

/// A primary's side of one standby's connection.
struct Sender {
  std::uint32_t connection = 0;  // 0: none
  std::uint64_t sent = 0;
  std::uint64_t reported = 0;  // flushed by the standby, as it said
  bool is_on_its_way = false;  // one piece at a time
};

/// A commit that waits for the standbys' answers.
struct Waiting {
  std::uint64_t end = 0;
  std::uint32_t operation = 0;
};

/// PostgreSQL of one host. Everything above `run_number` is on disk.
struct Server {
  core::PostgresRun run = core::PostgresRun::absent;
  Log log;                    // as written; of a standby also flushed
  std::uint64_t flushed = 0;  // of a primary: as far as this its disk has it
  std::uint32_t timeline = 1;
  Epoch served;
  bool is_bootstrap_pending = false;
  bool is_checkpointed = true;  // the control file shows the present timeline
  std::uint64_t oldest = 0;     // WAL before this position is gone
  HostMask names_in_file = 0;

  std::uint32_t run_number = 0;  // changes with every start and every end
  bool was_primary = false;      // its last run was one
  std::optional<Place> upstream;
  std::uint32_t connection = 0;  // standby: receives through this one; 0: none
  bool is_retrying = false;      // an attempt to connect is on the agenda
  bool is_refused = false;       // standby: its upstream answered the last attempt with an error
  HostMask names = 0;            // in effect for every session
  std::uint64_t recovered = 0;   // end of recovery: all before it is visible
  std::uint64_t released = 0;    // all before it was acknowledged or is visible
  bool is_flush_due = false;
  std::array<Sender, most_hosts> senders{};
  std::deque<Waiting> waiting;
  std::int64_t bank_sum = 0;  // of what was visible at the last read
  std::uint64_t bank_read = 0;
};

/// A PostgreSQL procedure that the agent has begun.
struct Procedure {
  core::Action action;
  std::uint64_t serial = 0;
  TimePoint deadline;            // true time
  std::uint32_t source_run = 0;  // of a copy: the run it copies from; when that ends, so does the copy
};

/// The newest pause that left the host, for the checker of R11.
struct PauseSent {
  TimePoint at;  // own clock
  std::uint32_t incarnation = 0;
  std::string id;
  Duration length{0};
  Duration stood{0};  // the machine and its clock stood still for so long since
};

/// The newest bid that left the host, for the checker of R6.
struct BidSent {
  TimePoint at;  // own clock
  std::uint32_t incarnation = 0;
  std::string token;
};

/// What the heartbeat thread keeps for the loop.
struct Letter {
  core::Heard heard;
  TimePoint heard_at;  // own clock
};

struct Host {
  NodeId id;
  Place place = 0;
  HostClock clock;
  bool is_powered = false;
  TimePoint frozen_until;     // the whole machine
  bool is_suspended = false;  // ... and its clock
  TimePoint suspended_at;     // the newest time

  // kernel
  TimePoint gate_until;  // own clock
  Epoch gate_epoch;
  bool admits_new = true;  // false: the gate drains
  Epoch highest_order;     // highest epoch an actuator of this host was called with
  bool has_address = false;
  std::uint64_t service = 0;  // number of the latest opening of this host's present run, 0: never opened
  TimePoint exempt_until;     // a paused machine may answer reads for so long after it went on

  // agent
  std::optional<core::Controller> controller;  // empty: down
  std::optional<adapters::heartbeat::Conversation> talk;
  std::uint32_t incarnation = 0;
  bool has_spoken = false;
  TimePoint agent_frozen_until, loop_stalled_until;
  TimePoint loop_ran_at;
  std::vector<core::Event> held;            // inputs that wait for the loop
  std::map<Place, Letter> mailbox;          // what was heard and the loop has not seen yet, by sender
  std::vector<std::uint32_t> held_packets;  // datagrams that wait for the process
  TimePoint wake_due, wake_pending;
  TimePoint talk_pending;
  std::optional<Procedure> procedure;
  std::optional<BidSent> bid;
  std::optional<PauseSent> pause;
  std::uint64_t reported_end = 0;  // of the log of some member, by the newest report before a take-over by force

  // faults in force
  unsigned disk_stalls = 0;
  unsigned postgres_freezes = 0;
  unsigned promotion_blocks = 0;
  unsigned service_blinds = 0;
  TimePoint disk_stalled_at;
  Duration names_delay{0};
  bool is_failing_next = false, does_failing_take_effect = false;

  Server server;
};

}  // namespace gemel::sim
