// What a simulated world is like from its beginning on; drawn from the seed.
#pragma once

#include <array>
#include <cstdint>

#include "core/timers.h"
#include "sim/mutation.h"
#include "sim/network.h"

namespace gemel::sim {

/// How the site is found when time begins.
enum class Beginning : std::uint8_t {
  whole,   // all hosts in S, after a power cut of the whole site: the record names the first one
  single,  // S holds the first host only; the others have old data
  empty,   // nothing was ever installed
};

struct Conditions {
  std::uint64_t seed = 1;
  std::size_t hosts = 2;
  std::uint32_t sync_standbys = 1;    // at most so many; the others follow without being waited for
  std::uint32_t min_copies = 1;       // serve nobody with fewer
  std::uint16_t service_targets = 0;  // each host looks for so many managers and balancers
  bool has_voters_apart = false;      // three hosts: voters on places of their own instead of the database hosts
  std::size_t first_leader = 0;       // of etcd: which of its three voters
  Beginning beginning = Beginning::whole;
  core::Timers timers;
  std::array<double, most_hosts> clock_rates{1.0, 1.0, 1.0};
  Duration procedure_time{std::chrono::milliseconds(30)};  // of PostgreSQL; copying and promoting take longer
  Duration store_time{std::chrono::milliseconds(2)};       // there and back, without the network's delay
  Duration disk_time{std::chrono::microseconds(400)};      // of one flush
  Duration think_time{std::chrono::milliseconds(40)};      // of a client between two operations
  unsigned clients = 2;
  bool has_local_writers = false;  // also behind the gate's back: I1 must hold by the names alone
  bool has_transfers = true;       // bank
  bool has_reads = true;
  unsigned refused_look_percent = 0;     // of looks at a standby that is refused show it receiving
  unsigned unflushed_loss_percent = 50;  // of power cuts lose what was written and not flushed
};

}  // namespace gemel::sim
