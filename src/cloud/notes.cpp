#include "cloud/notes.h"

#include <system_error>

#include "base/text.h"
#include "runtime/files.h"

namespace gemel::cloud {

std::string read_note(const std::filesystem::path& folder, const std::string& name) {
  const auto text = runtime::read_file(folder / name);
  return text ? std::string(trim(*text)) : std::string();
}

void write_note(const std::filesystem::path& folder, const std::string& name, std::string_view text) {
  std::error_code ignored;
  if (std::filesystem::create_directory(folder, ignored))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ignored);
  const auto written = runtime::write_file_durably(folder / name, text, 0600);
  static_cast<void>(written);
}

}  // namespace gemel::cloud
