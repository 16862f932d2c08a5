// What happened on this host, for people: the log line, the list behind GET /events, and a bounded file that survives
// a restart.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <vector>

#include "api/host_status.h"
#include "base/ids.h"
#include "runtime/log.h"
#include "runtime/task_scope.h"

namespace gemel::agent {

/// Loop thread only. Memory: the last 1,000 events. Disk: two files of at most 1 MiB, written every second by a thread
/// of the pool, so that a stalled disk delays the file and nothing else.
class EventLog {
 public:
  EventLog(std::filesystem::path file, std::string host);
  /// Reads what the last run left. Blocks; before the loop runs.
  void load();
  void add(runtime::LogLevel level, const std::string& rule, const std::string& message, Epoch epoch = {},
           std::vector<api::PhaseTime> phases = {});
  [[nodiscard]] std::vector<api::Event> after(std::uint64_t id) const;
  /// Runs until cancelled.
  runtime::Task<void> keep_writing();
  /// Writes what is left. Blocks.
  void flush();

 private:
  std::filesystem::path file_;
  std::string host_;
  std::uint64_t next_id_ = 1;
  std::deque<api::Event> events_;
  std::string unwritten_;
};

}  // namespace gemel::agent
