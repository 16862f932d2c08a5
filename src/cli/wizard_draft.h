// The wizard's draft on disk: the answers so far, so that an interrupted wizard goes on where it was.
#pragma once

#include <filesystem>

#include "base/error.h"
#include "cli/verbs.h"
#include "wizard/answers.h"

namespace gemel::cli {

/// One file, mode 0600, without the password. All functions block.
class WizardDraft {
 public:
  /// In the state directory that the options name, else in /var/lib/gemel/setup: which site it will be is not known
  /// yet. The directory is made. `denied`/`unavailable` when nothing can be written there.
  static Result<WizardDraft> open(const SetupOptions& options);

  /// `not_found` when there is none, `invalid` with every mistake when it cannot be read.
  [[nodiscard]] Result<wizard::Answers> load() const;
  /// Moves a draft that is there aside, as FILE.old; nothing happens when there is none.
  [[nodiscard]] Status set_aside() const;
  [[nodiscard]] Status save(const wizard::Answers& answers) const;
  [[nodiscard]] Status remove() const;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] bool is_there() const;

 private:
  explicit WizardDraft(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace gemel::cli
