#include "cli/wizard_draft.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/text.h"
#include "runtime/files.h"
#include "site/tree.h"
#include "wizard/answers_file.h"

namespace gemel::cli {

Result<WizardDraft> WizardDraft::open(const SetupOptions& options) {
  const bool is_named = !options.state.empty();
  const auto directory =
      std::filesystem::absolute(is_named ? options.state : std::filesystem::path("/var/lib/gemel/setup"));
  std::error_code error;
  std::filesystem::create_directories(is_named ? directory.parent_path() : directory, error);
  if (error) return fail_errno(error.value(), "cannot create " + directory.string());
  if (is_named) {
    if (auto status = site::make_directory(directory, 0700); !status) return std::unexpected(status.error());
  }
  if (::access(directory.c_str(), W_OK) != 0) return fail_errno(errno, directory.string());
  return WizardDraft(directory / "wizard-draft.toml");
}

Result<wizard::Answers> WizardDraft::load() const {
  const auto text = runtime::read_file(path_);
  if (!text) return std::unexpected(text.error().with(path_.string()));
  auto read = wizard::read_draft(*text, path_.string());
  if (!read.mistakes.empty()) return fail(ErrorCode::invalid, join(read.mistakes, "\n"));
  return std::move(read.answers);
}

bool WizardDraft::is_there() const {
  std::error_code error;
  return std::filesystem::exists(path_, error);
}

Status WizardDraft::set_aside() const {
  if (!is_there()) return {};
  std::error_code error;
  std::filesystem::rename(path_, path_.string() + ".old", error);
  if (error) return fail_errno(error.value(), path_.string());
  return {};
}

Status WizardDraft::save(const wizard::Answers& answers) const {
  return runtime::write_file_durably(path_, wizard::answers_text(answers), 0600);
}

Status WizardDraft::remove() const { return runtime::remove_file_durably(path_); }

}  // namespace gemel::cli
