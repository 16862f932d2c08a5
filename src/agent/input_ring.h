// Every input of the controller, kept in a bounded ring on disk: what a decision was made of can be replayed
// afterwards (`gemel explain`). The lines are those of replay/input_codec.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "replay/input_codec.h"
#include "runtime/task_scope.h"

namespace gemel::agent {

/// Loop thread only. Two files of at most 8 MiB, written every second by a thread of the pool. A line {"lost": N}
/// stands where the disk stalled for so long that N lines had to be dropped: replays end there. The whole state is
/// written with every MiB, so that most of the older file can be replayed when its beginning is gone.
class InputRing {
 public:
  explicit InputRing(std::filesystem::path file) : file_(std::move(file)) {}
  void begin(const NodeId& self, const core::Config& config, std::uint64_t seed);
  /// After each step: what it took, what it gave, and the state it left.
  void add(const core::Input& input, const core::Output& output, const core::State& after);
  /// Runs until cancelled.
  runtime::Task<void> keep_writing();
  void flush();
  /// What is on disk, oldest first: all but the last second or two. Blocks; any thread.
  static std::string read(const std::filesystem::path& file);
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  void append(const std::string& line);
  std::string take();

  std::filesystem::path file_;
  std::string unwritten_;
  std::uint64_t unwritten_lines_ = 0;
  std::size_t since_snapshot_ = 0;  // bytes
};

}  // namespace gemel::agent
