// What a database host says of itself in every heartbeat, and what it heard from another one.
#pragma once

#include <cstdint>
#include <optional>

#include "core/postgres_facts.h"
#include "core/record.h"

namespace gemel::core {

struct Beat {
  Epoch epoch = {};  // the highest the sender knows
  NodeId holder = {};
  Revision revision = {};  // of the record the sender knows: a higher one than ours is a hint to read
  RecordState state = RecordState::normal;
  PostgresRun run = PostgresRun::unknown;
  std::uint32_t timeline = 0;
  Lsn wal_end = {};
  bool is_receiving = false;
  // Service-side targets (managers, balancers, a gateway) that answer the sender, of how many; total 0: none are
  // configured, or the sender has not looked lately. Fewer or more than half decides, the number in between nothing.
  std::uint16_t service_reachable = 0;
  std::uint16_t service_total = 0;
  bool operator==(const Beat&) const = default;
};

struct Heard {
  NodeId from;
  Beat beat;
  std::optional<TimePoint> confirmed;  // send time, our clock, of our newest heartbeat that `from` confirmed
  TimePoint last_confirmation;         // when we last sent a confirmation to anybody (R6)
  Duration age{0};                     // heard so long ago: news that change nothing do not wake the loop
  bool operator==(const Heard&) const = default;
};

}  // namespace gemel::core
