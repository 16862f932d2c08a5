// What pg_controldata and timeline history files say, as values. Pure parsing; running the tool is elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/lsn.h"

namespace gemel::adapters::postgres {

struct ControlData {
  std::string system_id;
  std::string state;               // "shut down", "in production", "shut down in recovery", "in archive recovery", …
  std::uint32_t timeline = 0;      // of the latest checkpoint, or of the minimum recovery end where that is newer
  Lsn checkpoint;                  // start of the latest checkpoint record
  Lsn redo;                        // where recovery would begin
  Lsn minimum_recovery_end;        // 0 on a primary
  std::uint32_t segment_size = 0;  // of the WAL, in bytes; fixed when the database was initialised
  /// Ended by itself with a shutdown checkpoint (of a primary), so that `checkpoint` is the last record.
  [[nodiscard]] bool is_shut_down() const { return state == "shut down"; }
  /// The last run ended as a primary: stopped, killed, or while it stopped.
  [[nodiscard]] bool was_primary() const {
    return state == "in production" || state == "shutting down" || is_shut_down();
  }
  [[nodiscard]] bool is_shut_down_in_recovery() const { return state == "shut down in recovery"; }
};

/// `corrupt` when a needed line is missing.
Result<ControlData> parse_control_data(std::string_view text);
/// End of WAL as far as the control file knows: behind the shutdown checkpoint, else a lower bound.
Lsn known_wal_end(const ControlData& control);
/// Where something in the WAL begins, and how much of it there is.
struct WalRecord {
  Lsn start;
  std::uint64_t length = 0;        // bytes
  std::uint64_t segment_size = 0;  // bytes; not 0
};
/// End of a record, with the page headers it crosses (8 KiB pages), rounded up to 8 as PostgreSQL does.
Lsn record_end(const WalRecord& record);

/// Where the newest switch in a timeline history file happened; `corrupt` for another form.
Result<Lsn> parse_switch_lsn(std::string_view history);
/// Without a line that names a timeline: of a number that was only reserved (DataDirectory::reserve_timelines).
bool is_empty_history(std::string_view history);
/// "00000002.history"
std::string history_file_name(std::uint32_t timeline);

}  // namespace gemel::adapters::postgres
