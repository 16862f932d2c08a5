// Every input of the controller, kept in a bounded ring on disk: what a decision was made of can be replayed
// afterwards. One JSON line per input; the first line of each run names host, configuration and seed.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "core/config.h"
#include "core/event.h"
#include "runtime/task_scope.h"

namespace gemel::agent {

/// {"t": nanoseconds since boot, "e": [index of the event kind, {…}]}, without a line end.
std::string encode_input(const core::Input& input);
/// The reverse; `invalid` for anything encode_input does not write.
Result<core::Input> decode_input(const std::string& line);

/// Loop thread only. Two files of at most 8 MiB (some hours), written every second by a thread of the pool.
class InputRing {
 public:
  explicit InputRing(std::filesystem::path file) : file_(std::move(file)) {}
  void begin(const NodeId& self, const core::Config& config, std::uint64_t seed);
  void add(const core::Input& input);
  /// Runs until cancelled.
  runtime::Task<void> keep_writing();
  void flush();

 private:
  std::filesystem::path file_;
  std::string unwritten_;
};

}  // namespace gemel::agent
