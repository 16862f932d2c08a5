// Parsing of pg_controldata's output (LC_ALL=C) and of timeline history files.
#include "adapters/postgres/control_data.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>

#include "base/text.h"

namespace gemel::adapters::postgres {
namespace {

// A shutdown checkpoint is one record of 114 bytes in PostgreSQL 15 to 17: 24 of record header, 2 of data header,
// 88 of CheckPoint.
constexpr std::uint64_t shutdown_checkpoint_length = 114;
constexpr std::uint64_t page_size = 8192;
constexpr std::uint64_t page_header = 24;
constexpr std::uint64_t segment_header = 40;

}  // namespace

Result<ControlData> parse_control_data(std::string_view text) {
  std::map<std::string, std::string> fields;
  for (const auto& line : split(text, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    fields[line.substr(0, colon)] = std::string(trim(std::string_view(line).substr(colon + 1)));
  }
  ControlData control;
  control.system_id = fields["Database system identifier"];
  control.state = fields["Database cluster state"];
  if (control.system_id.empty() || control.state.empty())
    return fail(ErrorCode::corrupt, "pg_controldata: identifier or state missing");
  const auto read_lsn = [&fields](const char* name, Lsn& into) {
    auto lsn = parse_lsn(fields[name]);
    if (lsn) into = *lsn;
    return lsn.has_value();
  };
  const auto read_number = [&fields](const char* name, std::uint32_t& into) {
    const std::string& value = fields[name];
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), into);
    return error == std::errc() && end == value.data() + value.size();
  };
  std::uint32_t recovery_timeline = 0;
  const bool complete = read_lsn("Latest checkpoint location", control.checkpoint) &&
                        read_lsn("Latest checkpoint's REDO location", control.redo) &&
                        read_lsn("Minimum recovery ending location", control.minimum_recovery_end) &&
                        read_number("Latest checkpoint's TimeLineID", control.timeline) &&
                        read_number("Min recovery ending loc's timeline", recovery_timeline) &&
                        read_number("Bytes per WAL segment", control.segment_size) && control.segment_size != 0;
  if (!complete)
    return fail(ErrorCode::corrupt, "pg_controldata: a location, a timeline or the segment size is missing");
  control.timeline = std::max(control.timeline, recovery_timeline);
  return control;
}

Lsn record_end(const WalRecord& record) {
  std::uint64_t position = record.start.value;
  std::uint64_t left = (record.length + 7) / 8 * 8;
  while (left > 0) {
    const std::uint64_t room = page_size - position % page_size;
    if (room >= left) return Lsn{position + left};
    left -= room;
    position += room;
    position += position % record.segment_size == 0 ? segment_header : page_header;
  }
  return Lsn{position};
}

Lsn known_wal_end(const ControlData& control) {
  if (control.is_shut_down()) return record_end({control.checkpoint, shutdown_checkpoint_length, control.segment_size});
  return std::max({control.checkpoint, control.redo, control.minimum_recovery_end});
}

Result<Lsn> parse_switch_lsn(std::string_view history) {
  std::string last;
  for (const auto& line : split(history, '\n')) {
    const auto text = trim(line);
    if (!text.empty() && text.front() != '#') last = std::string(text);
  }
  const auto fields = split(last, '\t');
  if (fields.size() < 2) return fail(ErrorCode::corrupt, "timeline history without a switch");
  return parse_lsn(fields[1]);
}

bool is_empty_history(std::string_view history) {
  const auto lines = split(history, '\n');
  return std::ranges::all_of(lines, [](const std::string& line) {
    const auto text = trim(line);
    return text.empty() || text.front() == '#';
  });
}

std::string history_file_name(std::uint32_t timeline) {
  char name[32];
  std::snprintf(name, sizeof name, "%08X.history", timeline);
  return name;
}

}  // namespace gemel::adapters::postgres
