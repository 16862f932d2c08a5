// The one record that decides who may be primary, and the history of take-overs. Changed only by compare-and-swap on
// its revision (rule R1, R2, R3, R4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/lsn.h"

namespace gemel::core {

enum class RecordState : std::uint8_t {
  normal,
  resigned,  // the holder has stopped: any member may bid at once (R7); `preferred` first, if named
  paused,    // an operator forbids bids; permits are unnecessary
};

struct Record {
  Epoch epoch;
  NodeId holder;
  NodeSet members;  // S: hold every acknowledged write; only they may take over; contains the holder
  RecordState state = RecordState::normal;
  NodeId preferred;        // with `resigned`: the target of a switchover; else empty
  std::string system_id;   // PostgreSQL's system identifier
  std::string cluster_id;  // the site's id; anything else is refused
  NodeId writer;           // who wrote this revision
  std::string token;       // random id of the writing attempt: finding one's own token resolves an unknown outcome
  std::uint32_t min_copies = 1;
  bool operator==(const Record&) const = default;
};

struct VersionedRecord {
  Record record;
  Revision revision;
  bool operator==(const VersionedRecord&) const = default;
};

/// `/hist/<epoch>`: created in the transaction of the take-over, completed after promotion and checkpoint.
struct HistoryEntry {
  Epoch epoch;
  NodeId node;
  bool complete = false;
  std::uint32_t timeline = 0;  // valid when complete
  Lsn switch_lsn;              // valid when complete: where this epoch's timeline left the one before
  bool operator==(const HistoryEntry&) const = default;
};

/// What one read of the store, or the answer of a refused transaction, tells. No record: `record` is empty.
struct StoreView {
  std::optional<VersionedRecord> record;
  std::vector<HistoryEntry> history;  // ascending by epoch
  bool operator==(const StoreView&) const = default;
};

std::string_view to_string(RecordState state);

}  // namespace gemel::core
