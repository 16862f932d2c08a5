// The log of one run of the setup: a file of lines with their time, which only its owner may read.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/error.h"

namespace gemel::setup {

/// Every line is written at once, so that an interrupted run has left all it did. No secret is given to it: inputs of
/// commands are never logged.
class RunLog {
 public:
  /// A new file "apply-<time>.log" in `directory`, which is there. Blocks shortly.
  static Result<std::unique_ptr<RunLog>> create(const std::filesystem::path& directory);
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;
  ~RunLog();

  /// One line, or one per line of `text`; without what would move a terminal's cursor.
  void write(std::string_view text);
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  RunLog(std::filesystem::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  std::filesystem::path path_;
  int descriptor_;
};

}  // namespace gemel::setup
