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
#include "base/time.h"

namespace gemel::core {

enum class RecordState : std::uint8_t {
  normal,
  resigned,  // the holder has stopped: any member may bid at once (R7); `preferred` first, if named
  paused,    // an operator forbids bids for a while; `pause` says who, why and how long (R11)
};

/// Why an epoch began, or why its holder resigned. Kept in the history, so that everybody counts alike. Stored by name.
enum class Cause : std::uint8_t {
  none,        // nothing to say (a record that is not resigned; an entry of an older version)
  first,       // the site's first epoch
  failover,    // the holder fell silent
  crash,       // the holder's PostgreSQL ended by itself; taken over by another, or started again by itself
  switchover,  // an operator asked
  stop,        // the holder's agent was asked to stop
  sick,        // the holder's disk did not answer writes
  slow,        // the holder did not open in time after its take-over
  service,     // the holder reached none of the service-side targets, its successor did
  force,       // an operator took over from outside of S: the one epoch that may have lost acknowledged writes
};

/// R11: a long lease, see docs/adr/0006. The holder serves without permits until the time it sent the pause + length,
/// by its own clock; another member may bid only after it knew of the pause for longer than that can last.
struct Pause {
  std::string id;      // of this pause: an extension is another one
  std::string by;      // who asked, for people
  std::string reason;  // why, for people
  std::string until;   // when it is meant to end, for people only: wall time as the asker wrote it; decides nothing
  Duration length{0};  // decides: at least shortest_pause, at most longest_pause
  bool operator==(const Pause&) const = default;
};
inline constexpr Duration shortest_pause = std::chrono::seconds(10);
inline constexpr Duration longest_pause = std::chrono::days(7);

struct Record {
  Epoch epoch;
  NodeId holder;
  NodeSet members;  // S: hold every acknowledged write; only they may take over; contains the holder
  RecordState state = RecordState::normal;
  NodeId preferred;            // with `resigned`: the target of a switchover; else empty
  Cause cause = Cause::none;   // with `resigned`: why; else none
  std::optional<Pause> pause;  // with `paused`, always; else never
  std::string system_id;       // PostgreSQL's system identifier
  std::string cluster_id;      // the site's id; anything else is refused
  NodeId writer;               // who wrote this revision
  std::string token;           // random id of the writing attempt: finding one's own token resolves an unknown outcome
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
  Cause cause = Cause::none;   // why this epoch began; `force` exempts exactly this take-over from I1 and I2
  bool operator==(const HistoryEntry&) const = default;
};

/// The number of the timeline that the holder of an epoch writes: no other epoch's is the same, on whatever fork it
/// began. Even: a server promoted by hand counts on by one and gets a number that no epoch has, unless it is promoted
/// by hand a second time (docs/gaps.md).
constexpr std::uint32_t timeline_of(Epoch epoch) { return static_cast<std::uint32_t>(2 * epoch.value); }

/// What one read of the store, or the answer of a refused transaction, tells. No record: `record` is empty.
struct StoreView {
  std::optional<VersionedRecord> record;
  std::vector<HistoryEntry> history;  // ascending by epoch
  bool operator==(const StoreView&) const = default;
};

std::string_view to_string(RecordState state);
std::string_view to_string(Cause cause);

}  // namespace gemel::core
