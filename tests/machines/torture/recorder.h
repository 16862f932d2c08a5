// Writes what the clients did into the run's folder, from all threads, and counts it.
#pragma once

#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "torture/history.h"

namespace gemel::torture {

/// Any thread. Lines are buffered; finish() writes them out. A process that is killed leaves a folder without `to_us`
/// in run.json, which read_history() refuses.
class Recorder {
 public:
  /// `conflict` when the folder holds a run already.
  static Result<std::unique_ptr<Recorder>> create(const std::filesystem::path& folder, std::string run,
                                                  std::string options_json);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void add(const Event& event);
  void add_mark(const std::string& name);
  void count_attempt(char workload, bool has_connected);
  /// Waits until each of `workloads` had an acknowledged operation; false when `limit` passed or a stop was asked for.
  bool wait_for_first(const std::string& workloads, std::chrono::seconds limit, std::stop_token stop);
  /// Closes the files and writes the summary, which is returned; `unavailable` when the disk did not take it.
  Result<std::string> finish();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;
  struct Tally {
    std::map<Outcome, std::int64_t> outcomes;
    std::int64_t attempts = 0, connections = 0;
  };
  Recorder() = default;
  [[nodiscard]] std::string summary(bool is_over) const;
  Status write_summary(bool is_over);

  std::filesystem::path folder_;
  std::string run_, options_json_;
  Time from_ = 0, to_ = 0;
  File history_, probes_, marks_;
  bool has_failed_ = false;  // a line could not be written: the history has a hole
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<char, Tally> tallies_;
};

}  // namespace gemel::torture
