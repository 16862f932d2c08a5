// Z: the state the site must be in once faults are healed, as far as SQL can see it. Pure; observing is cluster.h.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "torture/verdict.h"

namespace gemel::torture {

struct RowSum {
  std::string count, hash;
  bool operator==(const RowSum&) const = default;
};

/// One database host as its own server describes it.
struct HostState {
  std::string name;
  std::string problem = {};  // why it could not be asked; then the rest is empty
  bool is_in_recovery = false;
  bool has_checksums = false;
  std::string system = {};  // system identifier
  std::int64_t checksum_failures = 0;
  std::int64_t streaming = 0;   // of a primary: standbys that stream from it
  bool is_receiving = false;    // of a standby: its receiver streams
  std::int64_t position = 0;    // bytes of WAL: written (primary) or replayed (standby)
  std::int64_t idle_slots = 0;  // replication slots nobody uses: they keep WAL for ever
  std::int64_t wal_bytes = 0;
  bool has_sums = false;
  std::map<std::string, RowSum> sums = {};  // by table
};

/// What does not hold yet; empty when all holds. `sums` are compared where both hosts have them; a standby must have
/// replayed `primary's position`. With `needs_sums` a host without sums is a finding.
std::vector<std::string> judge_endstate(const std::vector<HostState>& hosts, std::int64_t max_wal_bytes,
                                        bool needs_sums);

}  // namespace gemel::torture
