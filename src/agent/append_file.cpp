#include "agent/append_file.h"

#include <atomic>
#include <fstream>
#include <string>
#include <system_error>

#include "runtime/log.h"

namespace gemel::agent {

void append_bounded(const std::filesystem::path& file, std::string_view text, std::size_t limit) {
  if (text.empty()) return;
  std::error_code ignored;
  const auto size = std::filesystem::file_size(file, ignored);
  if (!ignored && size + text.size() > limit) std::filesystem::rename(file, file.string() + ".1", ignored);
  std::ofstream stream(file, std::ios::binary | std::ios::app);
  stream.write(text.data(), static_cast<std::streamsize>(text.size()));
  stream.flush();
  static std::atomic<bool> is_reported = false;
  if (!stream && !is_reported.exchange(true))
    runtime::log_warn("cannot write " + file.string() + ": events and inputs are not kept");
}

}  // namespace gemel::agent
