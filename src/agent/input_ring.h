// Every input of the controller, kept in a bounded ring on disk: what a decision was made of can be replayed
// afterwards. One JSON line per input; the first line of each run holds all that a controller is made of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "core/config.h"
#include "core/event.h"
#include "runtime/task_scope.h"

namespace gemel::agent {

/// What a controller was made of. A replay needs the same version of the rules, too.
struct RunBegin {
  NodeId self;
  core::Config config;
  std::uint64_t seed = 0;
  std::string version;  // of Gemel
};

/// {"begin": {…}}, without a line end.
std::string encode_begin(const RunBegin& begin);
/// The reverse; `invalid` for any other line.
Result<RunBegin> decode_begin(const std::string& line);

/// {"t": nanoseconds since boot, "e": [index of the event kind, {…}]}, without a line end.
std::string encode_input(const core::Input& input);
/// The reverse; `invalid` for anything encode_input does not write.
Result<core::Input> decode_input(const std::string& line);

/// Loop thread only. Two files of at most 8 MiB (some hours), written every second by a thread of the pool. A line
/// {"lost": N} stands where the disk stalled for so long that N lines had to be dropped: replays end there.
class InputRing {
 public:
  explicit InputRing(std::filesystem::path file) : file_(std::move(file)) {}
  void begin(const NodeId& self, const core::Config& config, std::uint64_t seed);
  void add(const core::Input& input);
  /// Runs until cancelled.
  runtime::Task<void> keep_writing();
  void flush();

 private:
  void append(const std::string& line);
  std::string take();

  std::filesystem::path file_;
  std::string unwritten_;
  std::uint64_t unwritten_lines_ = 0;
};

}  // namespace gemel::agent
